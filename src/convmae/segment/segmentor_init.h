#pragma once

#include "convmae/checkpoint/first_convolution.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/segment/segmentor.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace convmae {

/// Takes a new segmentor's weights, which are initialised already, from a file of any kind, ours or
/// any other with published names: an encoder, pretrained or in a classifier or detector, whose
/// position tables are interpolated where the grid is another, and whose first convolution is
/// adapted where there are other channels; or a segmentor, of which all is taken, but of the two
/// layers that give logits the rows of classes of the same name alone. Returns what was done, for
/// the console. Throws UserError if a tensor of the encoder is missing or has another shape, and
/// for run directories and training checkpoints of ours, which are for --resume.
std::string initialise_segmentor(const std::filesystem::path& path, Segmentor& segmentor,
                                 InChansInit in_chans_init, const LabelScheme& scheme);

/// What a file says about its encoder, and of a segmentor about its head, by the names of the
/// flags: sizes, and of a file of ours mean and standard deviation. Throws UserError if the file
/// holds no model of a known kind.
nlohmann::ordered_json segmentor_settings(const std::filesystem::path& path);

}  // namespace convmae
