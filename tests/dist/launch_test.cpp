#include "convmae/dist/launch.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace convmae {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

std::optional<Launch> launch_with(const Variables& variables) {
  return launch_of([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

std::string error_with(const Variables& variables) {
  try {
    launch_with(variables);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

const Variables kTorchrun{{"RANK", "5"},
                          {"WORLD_SIZE", "8"},
                          {"LOCAL_RANK", "1"},
                          {"LOCAL_WORLD_SIZE", "4"},
                          {"MASTER_ADDR", "node1"},
                          {"MASTER_PORT", "31234"},
                          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};

TEST(Launch, IsNothingForAProcessAlone) {
  EXPECT_FALSE(launch_with({}));
  EXPECT_FALSE(launch_with({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  // The script of a job, srun with one task, and a shell of an allocation that is a step.
  EXPECT_FALSE(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "12"}}));
  Variables step{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}, {"SLURM_STEP_NODELIST", "node1"}};
  EXPECT_FALSE(launch_with(step));
  step["SLURM_NTASKS"] = "8";
  step["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_FALSE(launch_with(step));
}

TEST(Launch, ByTorchrun) {
  EXPECT_EQ(launch_with(kTorchrun),
            (Launch{"torchrun", 5, 8, 1, 4, "node1", 31234, /*launcher_keeps_store=*/true}));
  // It overrules what SLURM or MPI say, who may have started it.
  Variables both = kTorchrun;
  both.insert(
      {{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  EXPECT_EQ(launch_with(both), launch_with(kTorchrun));
}

TEST(Launch, ByMpi) {
  const Variables open_mpi{{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "2"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                           {"OMPI_MCA_ess_base_jobid", "40003"}};
  EXPECT_EQ(launch_with(open_mpi), (Launch{"Open MPI", 1, 2, 1, 2, "127.0.0.1", 20003, false}));
  Variables spread = open_mpi;
  spread["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1";
  spread["OMPI_COMM_WORLD_LOCAL_RANK"] = "0";
  EXPECT_THAT(error_with(spread), HasSubstr("MASTER_ADDR"));
  spread["MASTER_ADDR"] = "10.0.0.1";
  EXPECT_EQ(launch_with(spread)->address, "10.0.0.1");
  const Variables pmi{{"PMI_RANK", "2"}, {"PMI_SIZE", "3"}, {"MASTER_PORT", "555"}};
  EXPECT_EQ(launch_with(pmi), (Launch{"an MPI with PMI", 2, 3, 2, 3, "127.0.0.1", 555, false}));
}

TEST(Launch, BySlurm) {
  const Variables slurm{{"SLURM_PROCID", "9"},
                        {"SLURM_NTASKS", "12"},
                        {"SLURM_LOCALID", "1"},
                        {"SLURM_NODEID", "2"},
                        {"SLURM_STEP_TASKS_PER_NODE", "4(x3)"},
                        {"SLURM_STEP_NODELIST", "gpu[07-09]"},
                        {"SLURM_JOB_ID", "20017"}};
  EXPECT_EQ(launch_with(slurm), (Launch{"SLURM", 9, 12, 1, 4, "gpu07", 20017, false}));
  // srun --mpi=pmi2, which leaves out who is on the same machine; mpiexec in an allocation does
  // not.
  Variables both = slurm;
  both.insert({{"PMI_RANK", "9"}, {"PMI_SIZE", "12"}, {"PMI_JOBID", "20017.0"}});
  EXPECT_EQ(launch_with(both), launch_with(slurm));
  both.insert({{"MPI_LOCALRANKID", "0"}, {"MPI_LOCALNRANKS", "12"}});
  EXPECT_EQ(launch_with(both)->launcher, "an MPI with PMI");
  Variables one_machine = slurm;
  one_machine["SLURM_STEP_TASKS_PER_NODE"] = "12";
  one_machine["SLURM_NODEID"] = "0";
  EXPECT_EQ(launch_with(one_machine)->address, "127.0.0.1");
}

TEST(Launch, RefusesWhatMakesNoSense) {
  const auto with = [](const char* name, const char* value) {
    Variables variables = kTorchrun;
    variables[name] = value;
    return error_with(variables);
  };
  EXPECT_THAT(with("RANK", "five"), HasSubstr("RANK is 'five'"));
  EXPECT_THAT(with("RANK", "-1"), HasSubstr("RANK is '-1'"));
  EXPECT_THAT(with("RANK", "8"), HasSubstr("process 8 of 8"));
  EXPECT_THAT(with("LOCAL_RANK", "4"), HasSubstr("4 of 4 on its machine"));
  EXPECT_THAT(with("MASTER_PORT", "65536"), HasSubstr("1 to 65535"));
  EXPECT_THAT(error_with({{"OMPI_COMM_WORLD_SIZE", "2"}}), HasSubstr("OMPI_COMM_WORLD_RANK"));
}

TEST(SlurmLists, TheFirstHost) {
  EXPECT_EQ(first_slurm_host("node1"), "node1");
  EXPECT_EQ(first_slurm_host("node1,node2"), "node1");
  EXPECT_EQ(first_slurm_host("gpu[07-09,12],cpu1"), "gpu07");
  EXPECT_EQ(first_slurm_host("cpu1,gpu[07-09]"), "cpu1");
  EXPECT_EQ(first_slurm_host("rack[2,4]-ib,x"), "rack2-ib");
  EXPECT_THROW(first_slurm_host("gpu[07-"), UserError);
}

TEST(SlurmLists, ACount) {
  EXPECT_EQ(slurm_count("8(x3),4", 0), 8);
  EXPECT_EQ(slurm_count("8(x3),4", 2), 8);
  EXPECT_EQ(slurm_count("8(x3),4", 3), 4);
  EXPECT_EQ(slurm_count("8(x3),4", 4), std::nullopt);
  EXPECT_EQ(slurm_count("8(x", 0), std::nullopt);
  EXPECT_EQ(slurm_count("", 0), std::nullopt);
}

}  // namespace
}  // namespace convmae
