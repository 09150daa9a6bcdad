#include "convmae/io/sha256.h"

#include <gtest/gtest.h>

#include "test_files.h"

namespace convmae {
namespace {

// The example values of FIPS 180-2.
TEST(Sha256, GivesTheStandardsExamples) {
  EXPECT_EQ(sha256(test::bytes_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, ReadsFilesInPieces) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "a.bin", std::string(3'000'000, 'a'));
  EXPECT_EQ(sha256_of_file(directory / "a.bin"),
            sha256(test::bytes_of(std::string(3'000'000, 'a'))));
}

}  // namespace
}  // namespace convmae
