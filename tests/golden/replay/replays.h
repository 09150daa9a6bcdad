#pragma once

#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/classifier.h"

#include "golden/replay/golden_file.h"
#include <filesystem>
#include <memory>

/// One function a kind of golden file: computes every result of the file from its inputs, whether
/// or not the file has the expected results too.
namespace convmae::golden {

Replay replay_pretrain(const GoldenFile& file);
Replay replay_train(const GoldenFile& file);
Replay replay_sincos(const GoldenFile& file);
/// The image files lie in `images` beside the golden file.
Replay replay_data_geometry(const GoldenFile& file);
/// RandAugment operation by operation, and one sample's whole path.
Replay replay_data_randaugment(const GoldenFile& file);
/// mixup and CutMix of a whole batch with given shares.
Replay replay_data_mixing(const GoldenFile& file);
/// A classifier's losses and gradients on one batch, stochastic depth from given draws included.
Replay replay_finetune(const GoldenFile& file);
/// Steps of fine-tuning with layer-wise learning rates.
Replay replay_finetune_steps(const GoldenFile& file);
/// Steps of a linear probe.
Replay replay_linprobe(const GoldenFile& file);
/// Position tables for other grids, and windows.
Replay replay_pos_resize(const GoldenFile& file);
/// Maps and gradients of the published segmentor's backbone, in inference and in training.
Replay replay_seg_backbone(const GoldenFile& file);
/// Both heads of the published segmentor on given maps, in inference and in training.
Replay replay_seg_upernet(const GoldenFile& file);
/// A whole segmentor in windows over an image.
Replay replay_seg_slide(const GoldenFile& file);
/// The same as `replay_seg_backbone` of the first and the second published detector's backbone and
/// pyramid.
Replay replay_det_alpha(const GoldenFile& file);
Replay replay_det_official(const GoldenFile& file);
/// Images and objects through the detectors' transforms, with the recorded draws.
Replay replay_det_transforms(const GoldenFile& file);
/// Images and labels through the segmentors' transforms, with the recorded draws; metrics.
Replay replay_seg_transforms(const GoldenFile& file);
/// What detectors are made of: arithmetic on boxes, masks, suppression, RoIAlign.
Replay replay_det_ops(const GoldenFile& file);
/// Whole detectors: what they find in images, and losses and gradients from given choices.
Replay replay_detector(const GoldenFile& file);
/// Names, shapes and counts of models that are pretrained and of classifiers, and what the latter
/// take over from the former.
Replay replay_model_keys(const Json& golden);
/// Names, shapes and counts of both published detectors, and the second one's factors on the
/// learning rate.
Replay replay_detector_keys(const Json& golden);
Replay replay_layer_decay(const Json& golden);
/// Names, shapes and counts of the published segmentor, and its optimizer's groups.
Replay replay_segmentor_keys(const Json& golden);
Replay replay_segmentor_layer_decay(const Json& golden);
Replay replay_lr_schedule(const Json& golden);

/// The pretraining model that a golden file's config and weights describe.
std::shared_ptr<PretrainModel> load_pretrain_model(const GoldenFile& file, bool norm_pix_loss);
/// The same for a classifier.
std::shared_ptr<Classifier> load_classifier(const GoldenFile& file, ClassifierHead head);

}  // namespace convmae::golden
