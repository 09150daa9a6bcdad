#include "convmae/model/autoencoder/pretrain_model.h"

#include "convmae/model/autoencoder/masked_autoencoder.h"
#include "convmae/model/autoencoder/masked_autoencoder_vit.h"

namespace convmae {

std::shared_ptr<PretrainModel> make_pretrain_model(const ModelConfig& config) {
  validate(config);
  if (config.method == Method::mae) return std::make_shared<MaskedAutoencoderVit>(config);
  return std::make_shared<MaskedAutoencoder>(config);
}

}  // namespace convmae
