#include "convmae/dist/process_group.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/dist/gpu_connections.h"

#include <ATen/ATen.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

namespace convmae {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience = 3s;

std::string first_line(const std::string& text) { return brief(text.substr(0, text.find('\n'))); }

std::string place_of(const Launch& launch) {
  return launch.address + ":" + std::to_string(launch.port);
}

c10::intrusive_ptr<c10d::Store> meet(const Launch& launch, std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.launcher_keeps_store;
  options.numWorkers = static_cast<std::size_t>(launch.world_size);
  options.waitWorkers = false;
  options.multiTenant = true;
  options.timeout = timeout;
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(launch.address, options);
    return c10::make_intrusive<c10d::PrefixStore>("convmae", std::move(store));
  } catch (const std::exception& error) {
    if (options.isServer) {
      throw UserError("cannot keep the meeting place of the processes at " + place_of(launch) +
                      ": " + first_line(error.what()) + "; set MASTER_PORT to a port that is free");
    }
    throw UserError("process 0 was not to be found at " + place_of(launch) + ": " +
                    first_line(error.what()));
  }
}

std::shared_ptr<gloo::transport::Device> device_of(const Launch& launch) {
  if (const char* const interface = std::getenv("GLOO_SOCKET_IFNAME")) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  }
  // Alone on this machine they need no network, nor a name that resolves.
  if (launch.local_world_size == launch.world_size) {
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  }
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

std::string text_of(const std::vector<std::int64_t>& ranks) {
  std::string text = ranks.size() == 1 ? "process " : "processes ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

}  // namespace

/// Gloo, with a way to let go of the others: those that wait for this process then hear of it at
/// once, and need not wait for their time to run out.
class ProcessGroup::Connections : public c10d::ProcessGroupGloo {
 public:
  using ProcessGroupGloo::ProcessGroupGloo;
  void close() {
    for (const auto& context : contexts_) context->closeConnections();
  }
};

struct ProcessGroup::Parts {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<Connections> connections;
  c10::intrusive_ptr<Connections> within_pass;  ///< from their first use on
  c10::intrusive_ptr<c10d::ProcessGroup> group;

  /// To all others, who meet under the same name.
  c10::intrusive_ptr<Connections> connect(const char* name, const Launch& launch,
                                          std::chrono::milliseconds timeout) const {
    const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    options->devices.push_back(device_of(launch));
    return c10::make_intrusive<Connections>(c10::make_intrusive<c10d::PrefixStore>(name, store),
                                            static_cast<int>(launch.rank),
                                            static_cast<int>(launch.world_size), options);
  }

  /// The others hear of it at once, wherever they wait.
  void let_go() const {
    connections->close();
    if (within_pass) within_pass->close();
  }
  std::string key(const char* what, std::int64_t rank) const {
    return std::string(what) + "/" + std::to_string(rank);
  }
  void note(const char* what, std::int64_t rank) const {
    store->set(key(what, rank), std::string("1"));
  }
  bool has(const char* what, std::int64_t rank) const { return store->check({key(what, rank)}); }
  std::string text_key(std::int64_t rank, std::int64_t number) const {
    return key("text", rank) + "/" + std::to_string(number);
  }
};

ProcessGroup::ProcessGroup(Launch launch, std::chrono::milliseconds timeout)
    : launch_(std::move(launch)),
      timeout_(timeout),
      patience_(std::min(timeout, kPatience)),
      parts_(std::make_unique<Parts>()) {
  // Gloo writes to processes that may have ended: that is an error to hear of, not a signal to die
  // from.
  std::signal(SIGPIPE, SIG_IGN);
  // What is to be said of a process that is gone is said in one line, and not here.
  constexpr int kErrors = 2;
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = kErrors;
  parts_->store = meet(launch_, timeout);
  const auto rank = static_cast<int>(launch_.rank);
  const auto size = static_cast<int>(launch_.world_size);
  try {
    parts_->connections = parts_->connect("gloo", launch_, timeout_);
    parts_->connections->setSequenceNumberForGroup();
    parts_->group = c10::make_intrusive<c10d::ProcessGroup>(parts_->store, rank, size);
    parts_->group->setBackend(at::kCPU, c10d::ProcessGroup::BackendType::GLOO, parts_->connections);
    parts_->group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  } catch (const std::exception& error) {
    throw UserError("the " + std::to_string(size) + " processes did not all meet at " +
                    place_of(launch_) + ": " + first_line(error.what()));
  }
}

ProcessGroup::~ProcessGroup() {
  try {
    parts_->note("left", rank());
    if (!is_first() || launch_.launcher_keeps_store) return;
    // The store ends with this process, and the others may still ask it.
    const auto end = std::chrono::steady_clock::now() + patience_;
    const auto all_left = [this] {
      for (std::int64_t other = 1; other < size(); ++other) {
        if (!parts_->has("left", other)) return false;
      }
      return true;
    };
    while (!all_left() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(20ms);
  } catch (const std::exception&) {
    return;  // whoever kept the store is gone
  }
}

void ProcessGroup::compute_on(c10::Device device, std::int64_t devices) {
  if (device.is_cpu()) return;
  using Type = c10d::ProcessGroup::BackendType;
  c10::intrusive_ptr<c10d::Backend> connections;
  // NCCL refuses two processes on one GPU.
  if (launch_.local_world_size <= devices) {
    connections =
        connect_gpus(parts_->store, static_cast<int>(rank()), static_cast<int>(size()), timeout_);
  }
  if (connections) {
    parts_->group->setBackend(device.type(), Type::NCCL, connections);
  } else {
    parts_->group->setBackend(device.type(), Type::GLOO, parts_->connections);
  }
}

void ProcessGroup::sum(const at::Tensor& values) {
  waiting([&] {
    std::vector<at::Tensor> list{values.detach()};
    parts_->group->allreduce(list)->wait();
  });
}

void ProcessGroup::sum_within_pass(const at::Tensor& values) {
  waiting([&] {
    if (!parts_->within_pass) {
      // Who is lost by now shows here at once; meeting would wait for it until time runs out.
      sum(at::zeros({1}));
      parts_->within_pass = parts_->connect("gloo_within_pass", launch_, timeout_);
    }
    std::vector<at::Tensor> list{values};
    parts_->within_pass->allreduce(list)->wait();
  });
}

void ProcessGroup::broadcast(const at::Tensor& values) {
  waiting([&] {
    std::vector<at::Tensor> list{values.detach()};
    parts_->group->broadcast(list)->wait();
  });
}

std::string ProcessGroup::broadcast(const std::string& text) {
  const at::Tensor length = at::full({1}, static_cast<std::int64_t>(text.size()), at::kLong);
  broadcast(length);
  at::Tensor bytes = at::empty({length.item<std::int64_t>()}, at::kByte);
  if (is_first()) std::copy(text.begin(), text.end(), bytes.data_ptr<std::uint8_t>());
  if (bytes.numel() > 0) broadcast(bytes);
  const auto* const first = bytes.const_data_ptr<std::uint8_t>();
  return {first, first + bytes.numel()};
}

std::string ProcessGroup::only_first(const std::function<std::string()>& work) {
  // The first byte says whether the rest is what the work made, or an error.
  std::string answer;
  if (is_first()) {
    try {
      answer = "1" + work();
    } catch (const UserError& error) {
      answer = std::string("0") + error.what();
    }
  }
  answer = broadcast(answer);
  if (answer.front() == '0') throw UserError(answer.substr(1));
  return answer.substr(1);
}

std::vector<std::int64_t> ProcessGroup::all(std::int64_t value) {
  const at::Tensor values = at::zeros({size()}, at::kLong);
  auto* const first = values.mutable_data_ptr<std::int64_t>();
  first[rank()] = value;
  sum(values);
  return {first, first + size()};
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) {
  const std::vector<std::int64_t> sizes = all(std::ssize(text));
  std::vector<std::string> texts;
  waiting([&] {
    if (!is_first()) {
      if (text.empty()) return;
      std::vector<at::Tensor> bytes{at::empty({std::ssize(text)}, at::kByte)};
      std::ranges::copy(text, bytes.front().mutable_data_ptr<std::uint8_t>());
      parts_->group->send(bytes, 0, 0)->wait();
      return;
    }
    texts.resize(sizes.size());
    texts.front() = text;
    for (std::size_t other = 1; other < sizes.size(); ++other) {
      if (sizes[other] == 0) continue;
      std::vector<at::Tensor> bytes{at::empty({sizes[other]}, at::kByte)};
      parts_->group->recv(bytes, static_cast<int>(other), 0)->wait();
      const auto* const begin = bytes.front().const_data_ptr<std::uint8_t>();
      texts[other].assign(begin, begin + sizes[other]);
    }
  });
  return texts;
}

void ProcessGroup::post(const std::string& text) {
  waiting([&] { parts_->store->set(parts_->text_key(rank(), texts_posted_++), text); });
}

std::vector<std::string> ProcessGroup::posted() {
  std::vector<std::string> texts;
  waiting([&] {
    texts_read_.resize(static_cast<std::size_t>(size()), 0);
    for (std::int64_t other = 0; other < size(); ++other) {
      std::int64_t& read = texts_read_[static_cast<std::size_t>(other)];
      while (parts_->store->check({parts_->text_key(other, read)})) {
        texts.push_back(parts_->store->get_to_str(parts_->text_key(other, read++)));
      }
    }
  });
  return texts;
}

bool ProcessGroup::leave_with_error() noexcept {
  try {
    parts_->note("told", rank());
    const bool first = parts_->store->add("tellers", 1) == 1;
    parts_->let_go();
    return first;
  } catch (const std::exception&) {
    return true;  // nobody is there to hear it
  }
}

c10::intrusive_ptr<c10d::ProcessGroup> ProcessGroup::c10d_group() const { return parts_->group; }

void ProcessGroup::waiting(const std::function<void()>& work) {
  try {
    work();
  } catch (const ProcessLost&) {
    throw;
  } catch (const std::exception& error) {
    throw_lost(first_line(error.what()));
  }
}

void ProcessGroup::throw_lost(const std::string& reason) {
  std::vector<std::int64_t> missing;
  bool told = false;
  bool lowest = true;
  try {
    parts_->note("alive", rank());
    parts_->let_go();
    std::this_thread::sleep_for(patience_);
    for (std::int64_t other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      told = told || parts_->has("told", other);
      if (!parts_->has("alive", other)) {
        missing.push_back(other);
      } else if (other < rank()) {
        lowest = false;
      }
    }
  } catch (const std::exception&) {
    // With the store goes the process that kept it.
    missing = {0};
    told = false;
    lowest = rank() == 1;
  }
  if (missing.empty()) {
    throw ProcessLost("the processes of this run lost touch with each other: " + reason, lowest);
  }
  throw ProcessLost(text_of(missing) + " of " + std::to_string(size()) +
                        (missing.size() == 1 ? " has" : " have") +
                        " ended or does not answer; this run ends. Its last checkpoint is whole: "
                        "continue it with --resume",
                    lowest && !told);
}

}  // namespace convmae
