#include "convmae/classify/classifier_images.h"

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/data/sources/classes.h"
#include "convmae/train/batches.h"
#include "convmae/train/opened_images.h"

#include <numeric>
#include <utility>

namespace convmae {

ClassifierImages open_classifier_images(Run& run, const ClassifierOptions& options,
                                        ClassifierHead head) {
  ClassifierImages images;
  images.classes = classes_of(*run.source(), "--data");
  images.class_of.resize(images.classes.size());
  std::iota(images.class_of.begin(), images.class_of.end(), 0);
  for (const std::string& doubt : doubts_about(images.classes)) run.say(doubt);
  if (!options.eval_data.empty()) {
    MatchedImages matched = match_classes(
        opened_labelled_images(options.eval_data, Split::val, "--eval_data",
                               most_left_out(options)),
        {images.classes}, "--eval_data",
        head == ClassifierHead::probe ? UnknownClasses::left_out : UnknownClasses::refused);
    for (const std::string& remark : matched.remarks) run.say(remark);
    images.held_out = LabelledImages{std::move(matched.images), std::move(matched.class_of)};
  }
  return images;
}

ClassifierConfig classifier_config(const ClassifierOptions& options, ClassifierHead head,
                                   const std::vector<std::string>& classes) {
  ClassifierConfig config;
  config.encoder = options.model_config.encoder;
  config.pool = parse_pool(options.pool);
  config.head = head;
  config.num_classes = std::ssize(classes);
  return config;
}

ImageInput classifier_input(const ClassifierOptions& options, const Compute& compute) {
  return {preprocessing_of(options), compute};
}

bool initialise_weights(Run& run, Classifier& classifier, const ClassifierOptions& options,
                        const std::vector<std::string>& classes) {
  classifier.initialise(options.seed);
  if (options.init.empty()) return false;
  const ClassifierInit init = initialise_classifier(
      options.init, classifier, parse_in_chans_init(options.in_chans_init), classes);
  run.say(init.text);
  return init.head_taken;
}

}  // namespace convmae
