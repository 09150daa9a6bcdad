#pragma once

#include <CLI/App.hpp>

#include <string>

namespace convmae {

/// Makes --help of `app`, and of the commands that are added to it afterwards, fit the terminal: as
/// wide as COLUMNS or the terminal says, 80 columns where neither does.
void use_help_layout(CLI::App& app);

/// Adds `convmae help` and `convmae help COMMAND`. `app` must outlive the command.
void add_help(CLI::App& app);

/// Lets --help end with a command line that could be typed. Its names stand for the user's own:
/// `photos` for a folder of images with a folder for each class, `scenes` for one of images and
/// annotations and `classes.txt` for the names of their classes, `run`, `classifier` and
/// `segmentor` for runs of pretraining, of fine-tuning and of segmentation.
void add_example(CLI::App& command, const std::string& line);

/// Marks a flag in --help that the command cannot do without, but checks itself.
CLI::Option* mark_required(CLI::Option* option);

}  // namespace convmae
