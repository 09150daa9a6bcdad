#include "convmae/base/cpus.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sched.h>
#include <stdlib.h>
#include <string>

namespace convmae {
namespace {

/// A tree of control groups such as /sys/fs/cgroup.
class Groups : public testing::Test {
 protected:
  ~Groups() override { std::filesystem::remove_all(root_); }

  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << '\n';
  }

  static std::filesystem::path fresh_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "convmae-test-XXXXXX").string();
    return ::mkdtemp(name.data());
  }

  std::filesystem::path root_ = fresh_directory();
};

TEST_F(Groups, OfVersion2HaveAQuota) {
  write("a/b/cpu.max", "150000 100000");
  EXPECT_EQ(cpu_quota("0::/a/b\n", root_), 1.5);
  EXPECT_EQ(cpu_quota("0::/a\n", root_), std::nullopt);
  write("a/b/cpu.max", "max 100000");
  EXPECT_EQ(cpu_quota("0::/a/b\n", root_), std::nullopt);
}

TEST_F(Groups, AreBoundByThoseAboveThem) {
  write("cpu.max", "400000 100000");
  write("a/cpu.max", "50000 100000");
  write("a/b/cpu.max", "300000 100000");
  EXPECT_EQ(cpu_quota("0::/a/b\n", root_), 0.5);
  EXPECT_EQ(cpu_quota("0::/elsewhere/in/the/host\n", root_), 4);
  EXPECT_EQ(cpu_quota("0::/../a\n", root_), 0.5);
}

TEST_F(Groups, OfVersion1HaveAQuota) {
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "300000");
  write("cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpu_quota("5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n", root_), 3);
  EXPECT_EQ(cpu_quota("4:cpuset:/job\n", root_), std::nullopt);
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1");
  EXPECT_EQ(cpu_quota("4:cpu,cpuacct:/job\n", root_), std::nullopt);
}

TEST(UsableCpus, FollowTheMask) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  ::sched_setaffinity(0, sizeof(before), &before);
}

}  // namespace
}  // namespace convmae
