#include "convmae/pretrain/pretrain_options.h"

#include "convmae/train/option_checks.h"

#include <algorithm>

namespace convmae {

PretrainOptions::PretrainOptions() {
  crop_scale = {0.2, 1.0};
  epochs = 400;
  blr = 1.5e-4;
  weight_decay = 0.05;
}

void resolve(PretrainOptions& options) {
  resolve_training(options);
  if (options.probe_every > 0 && options.probe_data.empty()) {
    options.probe_data = options.eval_data;
  }
  make_absolute(options.probe_data);
}

void settle_panels(PretrainOptions& options) {
  if (options.panel_every_epochs == 0) {
    options.panel_every_epochs = std::max<std::int64_t>(1, options.epochs / 10);
  }
}

void validate(const PretrainOptions& options) {
  validate(options.model_config);
  require(!options.init_optimizer || !options.init.empty(),
          "--init_optimizer goes with --init FILE, whose optimizer state it takes");
  validate_training(options);
  require_share(options.beta1, "beta1");
  require_share(options.beta2, "beta2");
  require_at_least(options.panel_every_epochs, 0, "panel_every_epochs");
  require_at_least(options.panel_images, 0, "panel_images");
  require_at_least(options.probe_every, 0, "probe_every");
  require(options.probe_every == 0 || !options.probe_data.empty(),
          "--probe_every needs --probe_data, a folder with one subfolder a class");
}

}  // namespace convmae
