#include "convmae/train/posted_samples.h"

#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"

#include <nlohmann/json.hpp>

namespace convmae {

void post_sample(ProcessGroup& group, const PostedSample& sample) {
  group.post(json_text({{"sample", sample.bad.sample},
                        {"name", as_utf8(sample.bad.name)},
                        {"error", as_utf8(sample.bad.error)},
                        {"done", sample.done}}));
}

std::vector<PostedSample> posted_samples(ProcessGroup& group) {
  std::vector<PostedSample> samples;
  for (const std::string& text : group.posted()) {
    const auto json = nlohmann::json::parse(text);
    samples.push_back({{json.at("sample"), json.at("name"), json.at("error")}, json.at("done")});
  }
  return samples;
}

}  // namespace convmae
