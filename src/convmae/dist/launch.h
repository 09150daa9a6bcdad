#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace convmae {

/// Which of the processes that were started together this one is, and where they meet.
struct Launch {
  std::string launcher;  ///< what has said so, for messages
  std::int64_t rank = 0;
  std::int64_t world_size = 1;
  std::int64_t local_rank = 0;        ///< among those of the same machine
  std::int64_t local_world_size = 1;  ///< how many these are
  std::string address = "127.0.0.1";  ///< of the machine where rank 0 is
  std::uint16_t port = 29500;
  /// The launcher's own process keeps the store already, so that rank 0 only joins it.
  bool launcher_keeps_store = false;

  bool operator==(const Launch&) const = default;
};

/// The value of an environment variable, if it is set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// That of this process.
Environment process_environment();

/// What the environment says, by the first of these that has set it:
///
/// - torchrun and `convmae launch`: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR,
///   MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE
/// - Open MPI: OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE
/// - MPICH and others with PMI: PMI_RANK, PMI_SIZE, MPI_LOCALRANKID, MPI_LOCALNRANKS
/// - SLURM, in a step of more than one task: SLURM_PROCID, SLURM_STEP_NUM_TASKS (or SLURM_NTASKS),
///   SLURM_LOCALID, SLURM_STEP_TASKS_PER_NODE, SLURM_NODEID; the address is the first host of
///   SLURM_STEP_NODELIST where there are several. It goes before a PMI that does not say who is on
///   the same machine.
///
/// MASTER_ADDR and MASTER_PORT overrule the meeting place of all of them. Without MASTER_PORT it
/// follows from the number of the job, so that jobs on one machine do not meet each other. Nothing
/// if this process is alone. Throws UserError for values that make no sense, and for processes of
/// several machines that nobody has told where to meet.
std::optional<Launch> launch_of(const Environment& environment);

/// The first host of a list as SLURM writes it: "gpu[07-09,12],cpu1" -> "gpu07".
std::string first_slurm_host(const std::string& hosts);

/// The entry of a list as SLURM writes counts: "8(x3),4" at 3 -> 4. Nothing if there is none.
std::optional<std::int64_t> slurm_count(const std::string& counts, std::int64_t entry);

}  // namespace convmae
