#include "convmae/benchmark/pipeline_benchmark.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <ctime>
#include <vector>

namespace convmae {
namespace {

double thread_cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Adds the CPU time since it was last asked.
class StageClock {
 public:
  void add_to(double& stage) {
    const double now = thread_cpu_seconds();
    stage += now - last_;
    last_ = now;
  }

 private:
  double last_ = thread_cpu_seconds();
};

}  // namespace

PipelineBenchmark benchmark_pipeline(const ImageSource& source, const TransformConfig& config,
                                     std::int64_t images, std::uint64_t seed) {
  SampleTransform transform(config);
  std::vector<float> out(static_cast<std::size_t>(transform.values_per_sample()));
  std::vector<std::uint8_t> encoded;
  PipelineBenchmark total;
  for (std::int64_t i = 0; i < images; ++i) {
    const std::int64_t sample = i % source.size();
    const DrawKey key{seed, 0, static_cast<std::uint64_t>(i)};
    try {
      StageClock clock;
      source.read(sample, encoded);
      clock.add_to(total.read);
      transform.decode(encoded, key);
      clock.add_to(total.decode);
      transform.resize();
      clock.add_to(total.resize);
      transform.augment(key);
      clock.add_to(total.augment);
      transform.write(key, out.data());
      clock.add_to(total.normalise);
    } catch (const UserError& error) {
      throw UserError("cannot use " + quote(source.name(sample)) + ": " + error.what());
    }
    total.bytes += static_cast<double>(encoded.size());
  }
  for (double* sum : {&total.read, &total.decode, &total.resize, &total.augment, &total.normalise,
                      &total.bytes}) {
    *sum /= static_cast<double>(images);
  }
  return total;
}

}  // namespace convmae
