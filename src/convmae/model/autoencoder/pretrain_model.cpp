#include "convmae/model/autoencoder/pretrain_model.h"

#include "convmae/model/autoencoder/masked_autoencoder.h"
#include "convmae/model/autoencoder/masked_autoencoder_vit.h"

namespace convmae {

void PretrainModel::use(const Compute& compute) {
  place(*this, compute);
  compute_ = compute;
}

std::shared_ptr<PretrainModel> make_pretrain_model(const ModelConfig& config) {
  validate(config);
  if (config.method == Method::mae) return std::make_shared<MaskedAutoencoderVit>(config);
  return std::make_shared<MaskedAutoencoder>(config);
}

}  // namespace convmae
