#include "convmae/dist/launch.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"

#include <cstdlib>
#include <limits>

namespace convmae {
namespace {

/// Reads variables of one launcher.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  std::optional<std::int64_t> number(const char* name) const {
    const std::optional<std::string> text = environment_(name);
    if (!text) return std::nullopt;
    const std::optional<std::int64_t> value = parse_number<std::int64_t>(*text);
    if (!value || *value < 0) {
      throw UserError(std::string("the environment's ") + name + " is " + quote(*text) +
                      ": expected a whole number that is not negative");
    }
    return value;
  }
  std::int64_t number(const char* name, const char* launcher) const {
    const std::optional<std::int64_t> value = number(name);
    if (!value) {
      throw UserError(std::string("the environment of ") + launcher + " lacks " + name);
    }
    return *value;
  }
  std::optional<std::string> text(const char* name) const { return environment_(name); }

 private:
  const Environment& environment_;
};

std::optional<Launch> by_torchrun(const Variables& variables) {
  constexpr const char* kName = "torchrun";
  if (!variables.text("RANK") || !variables.text("WORLD_SIZE")) return std::nullopt;
  Launch launch{.launcher = kName};
  launch.rank = variables.number("RANK", kName);
  launch.world_size = variables.number("WORLD_SIZE", kName);
  launch.local_rank = variables.number("LOCAL_RANK").value_or(launch.rank);
  launch.local_world_size = variables.number("LOCAL_WORLD_SIZE").value_or(launch.world_size);
  launch.launcher_keeps_store = variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return launch;
}

std::optional<Launch> by_open_mpi(const Variables& variables) {
  constexpr const char* kName = "Open MPI";
  if (!variables.text("OMPI_COMM_WORLD_SIZE")) return std::nullopt;
  Launch launch{.launcher = kName};
  launch.rank = variables.number("OMPI_COMM_WORLD_RANK", kName);
  launch.world_size = variables.number("OMPI_COMM_WORLD_SIZE", kName);
  launch.local_rank = variables.number("OMPI_COMM_WORLD_LOCAL_RANK", kName);
  launch.local_world_size = variables.number("OMPI_COMM_WORLD_LOCAL_SIZE", kName);
  return launch;
}

/// Of the step that this process is one of; 1 if it is none. The script of a job and a shell of an
/// allocation have variables too that speak of the tasks which they may start.
std::int64_t slurm_tasks(const Variables& variables) {
  if (!variables.text("SLURM_PROCID") || !variables.text("SLURM_STEP_NODELIST")) return 1;
  const auto tasks = variables.number("SLURM_STEP_NUM_TASKS");
  return tasks ? *tasks : variables.number("SLURM_NTASKS").value_or(1);
}

std::optional<Launch> by_pmi(const Variables& variables) {
  constexpr const char* kName = "an MPI with PMI";
  if (!variables.text("PMI_SIZE")) return std::nullopt;
  // `srun --mpi=pmi2`, a default in places, does not say here what there is to a machine.
  if (!variables.text("MPI_LOCALRANKID") && slurm_tasks(variables) > 1) return std::nullopt;
  Launch launch{.launcher = kName};
  launch.rank = variables.number("PMI_RANK", kName);
  launch.world_size = variables.number("PMI_SIZE", kName);
  launch.local_rank = variables.number("MPI_LOCALRANKID").value_or(launch.rank);
  launch.local_world_size = variables.number("MPI_LOCALNRANKS").value_or(launch.world_size);
  return launch;
}

std::optional<Launch> by_slurm(const Variables& variables) {
  constexpr const char* kName = "SLURM";
  const std::int64_t tasks = slurm_tasks(variables);
  if (tasks < 2) return std::nullopt;
  Launch launch{.launcher = kName};
  launch.rank = variables.number("SLURM_PROCID", kName);
  launch.world_size = tasks;
  launch.local_rank = variables.number("SLURM_LOCALID", kName);
  launch.local_world_size = launch.world_size;
  if (const auto counts = variables.text("SLURM_STEP_TASKS_PER_NODE")) {
    const std::int64_t node = variables.number("SLURM_NODEID").value_or(0);
    const std::optional<std::int64_t> count = slurm_count(*counts, node);
    if (!count) {
      throw UserError("SLURM_STEP_TASKS_PER_NODE is " + quote(*counts) +
                      " and says nothing of node " + std::to_string(node));
    }
    launch.local_world_size = *count;
    if (*count == launch.world_size) return launch;  // one machine, whose name need not resolve
  }
  launch.address = first_slurm_host(*variables.text("SLURM_STEP_NODELIST"));
  return launch;
}

/// A port of a job: jobs with neighbouring numbers get different ones.
std::uint16_t port_of_job(const Variables& variables) {
  constexpr std::uint16_t kFirst = 20000;
  constexpr std::int64_t kPorts = 20000;
  for (const char* const name : {"SLURM_JOB_ID", "OMPI_MCA_ess_base_jobid"}) {
    if (const auto job = variables.number(name)) {
      return static_cast<std::uint16_t>(kFirst + *job % kPorts);
    }
  }
  return Launch{}.port;
}

void choose_meeting_place(const Variables& variables, Launch& launch) {
  launch.port = port_of_job(variables);
  if (const auto port = variables.number("MASTER_PORT")) {
    if (*port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) {
      throw UserError("the environment's MASTER_PORT is " + std::to_string(*port) +
                      ": expected 1 to 65535");
    }
    launch.port = static_cast<std::uint16_t>(*port);
  }
  const bool many_machines = launch.local_world_size < launch.world_size;
  if (const auto address = variables.text("MASTER_ADDR")) {
    launch.address = *address;
  } else if (many_machines && launch.address == Launch{}.address) {
    throw UserError(launch.launcher +
                    " has started processes on several machines: say in MASTER_ADDR on which of "
                    "them rank 0 is");
  }
}

void validate(const Launch& launch) {
  const auto inside = [](std::int64_t rank, std::int64_t size) { return rank < size; };
  if (inside(launch.rank, launch.world_size) &&
      inside(launch.local_rank, launch.local_world_size) &&
      launch.local_world_size <= launch.world_size) {
    return;
  }
  throw UserError(
      launch.launcher + " says that this is process " + std::to_string(launch.rank) + " of " +
      std::to_string(launch.world_size) + ", and " + std::to_string(launch.local_rank) + " of " +
      std::to_string(launch.local_world_size) + " on its machine: they are counted from 0");
}

}  // namespace

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::optional<Launch> launch_of(const Environment& environment) {
  const Variables variables(environment);
  for (const auto& by : {by_torchrun, by_open_mpi, by_pmi, by_slurm}) {
    std::optional<Launch> launch = by(variables);
    if (!launch) continue;
    validate(*launch);
    if (launch->world_size == 1) return std::nullopt;
    choose_meeting_place(variables, *launch);
    return launch;
  }
  return std::nullopt;
}

std::string first_slurm_host(const std::string& hosts) {
  const std::size_t bracket = hosts.find('[');
  const std::size_t comma = hosts.find(',');
  if (bracket == std::string::npos || comma < bracket) return hosts.substr(0, comma);
  const std::size_t number_end = hosts.find_first_of(",-]", bracket);
  std::size_t end = hosts.find(']', bracket);
  if (end == std::string::npos) throw UserError("not a list of SLURM's hosts: " + quote(hosts));
  const std::size_t next = hosts.find(',', end);
  return hosts.substr(0, bracket) + hosts.substr(bracket + 1, number_end - bracket - 1) +
         hosts.substr(end + 1, next == std::string::npos ? next : next - end - 1);
}

std::optional<std::int64_t> slurm_count(const std::string& counts, std::int64_t entry) {
  std::size_t begin = 0;
  while (begin <= counts.size()) {
    const std::size_t end = std::min(counts.find(',', begin), counts.size());
    std::string part = counts.substr(begin, end - begin);
    std::int64_t repeats = 1;
    if (const std::size_t times = part.find("(x"); times != std::string::npos) {
      const std::size_t close = part.find(')', times);
      if (close == std::string::npos) return std::nullopt;
      const auto number = parse_number<std::int64_t>(part.substr(times + 2, close - times - 2));
      if (!number || *number < 1) return std::nullopt;
      repeats = *number;
      part.resize(times);
    }
    const auto count = parse_number<std::int64_t>(part);
    if (!count || *count < 1) return std::nullopt;
    if (entry < repeats) return count;
    entry -= repeats;
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace convmae
