#include "convmae/io/pth/pth.h"

#include <gtest/gtest.h>

#include "raw_pickle.h"
#include "raw_zip.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include "test_files.h"

// Files that say much with little: what is shared is charged at each place that refers to it.
namespace convmae {
namespace {

using test::join;
using test::pickle_global;
using test::pickle_int;
using test::pickle_text;
using test::pickle_tuple;

constexpr const char* kTooMuch = "several times the file's size";

/// A checkpoint {"model": `model`, "args": `args`} with one storage; both are pieces of pickle.
std::string file_of(const std::string& model, const std::string& args = "N",
                    std::size_t storage_bytes = 16) {
  test::RawZip zip;
  zip.members.push_back(
      {.name = "x/data.pkl",
       .data = join({"\x80\x02}(", pickle_text("model"), model, pickle_text("args"), args, "u."})});
  zip.members.push_back({.name = "x/data/0", .data = std::string(storage_bytes, 's')});
  return zip.file();
}

std::string tensor(std::int64_t numel, std::int64_t storage_numel) {
  test::RawTensor tensor;
  tensor.storage = test::RawStorage{.numel = pickle_int(storage_numel)}.pickle();
  tensor.size = pickle_tuple({numel});
  tensor.stride = pickle_tuple({1});
  return tensor.pickle();
}

/// {0: `item`, 1: `item`, ...}
std::string dict_of(std::int64_t count, const std::string& item) {
  std::string pickle = "}(";
  for (std::int64_t i = 0; i < count; ++i) pickle += pickle_int(i) + item;
  return pickle + "u";
}

/// A value that is remembered and referred to `count` times.
std::string repeated(std::int64_t count, const std::string& value) {
  return join(
      {value, "r", test::little(1000, 4), "0", dict_of(count, "j" + test::little(1000, 4))});
}

void refused(const std::string& file, const std::string& says = kTooMuch) {
  test::expect_refused([&](test::Draws& /*draws*/) { return file; },
                       [](const std::string& text) { parse_pth(test::bytes_of(text), "x.pth"); },
                       says, 1);
}

void read(const std::string& file) { EXPECT_NO_THROW(parse_pth(test::bytes_of(file), "x.pth")); }

TEST(PthCost, OfPlainValuesIsChargedAtEachPlace) {
  const std::string weights = "}";
  const std::string text = pickle_text(std::string(100'000, 'A'));
  const std::string bytes = join({"B", test::little(100'000, 4), std::string(100'000, 'b')});
  const std::string number = join({"\x8a\xFF", std::string(255, '\x11')});
  refused(file_of(weights, repeated(2'000, text)));
  refused(file_of(weights, repeated(2'000, bytes)));
  refused(file_of(weights, repeated(50'000, number)));
  refused(file_of(weights, repeated(300, repeated(300, pickle_text(std::string(500, 'A'))))));
  read(file_of(weights, repeated(100, text)));
}

TEST(PthCost, OfTensorsIsChargedAtEachName) {
  constexpr std::int64_t kNumel = 1 << 20;
  const std::size_t bytes = 4 * kNumel;
  refused(file_of(repeated(300, tensor(kNumel, kNumel)), "N", bytes));
  refused(file_of(dict_of(300, tensor(kNumel, kNumel)), "N", bytes));
  // Lists of weights copy names and shapes.
  test::RawTensor many_dimensions;
  many_dimensions.size = pickle_tuple(std::vector<std::int64_t>(64, 1));
  many_dimensions.stride = many_dimensions.size;
  refused(file_of(repeated(100'000, many_dimensions.pickle())));
}

TEST(PthCost, OfTiedWeightsIsThatOfAFewMoreTensors) {
  constexpr std::int64_t kNumel = 8 << 20;
  const std::size_t bytes = 4 * kNumel;
  read(file_of(repeated(2, tensor(kNumel, kNumel)), "N", bytes));
  read(file_of(dict_of(4, tensor(kNumel, kNumel)), "N", bytes));
}

TEST(PthCost, OfNumpyArraysThatShareBytesIsChargedForEach) {
  constexpr std::size_t kBytes = 1 << 20;
  const std::string data =
      join({"B", test::little(kBytes, 4), std::string(kBytes, 'b'), "r", test::little(2000, 4)});
  const std::string type =
      join({pickle_global("numpy", "dtype"), pickle_text("f4"), "\x89\x88\x87R"});
  const std::string array =
      join({pickle_global("numpy.core.multiarray", "_reconstruct"),
            pickle_global("numpy", "ndarray"), pickle_int(0), "\x85", "C\x01", "b\x87R(",
            pickle_int(1), pickle_tuple({kBytes / 4}), type, "\x89j", test::little(2000, 4), "tb"});
  refused(file_of(join({data, "0", dict_of(300, array)})));
  read(file_of(join({data, "0", dict_of(4, array)})));
}

TEST(PthCost, OfAStorageIsChargedForEachTypeThatItIsSeenAs) {
  constexpr std::size_t kBytes = 8 << 20;
  std::string model = "}(";
  for (const char* const type : {"uint8", "int8", "int16", "uint16", "float16", "bfloat16", "int32",
                                 "uint32", "float32", "int64", "float64", "uint64"}) {
    test::RawTensor view;
    view.storage = test::RawStorage{.type = pickle_global("torch", "UntypedStorage"),
                                    .numel = pickle_int(kBytes)}
                       .pickle();
    model += join({pickle_text(type), pickle_global("torch._utils", "_rebuild_tensor_v3"), "(",
                   view.storage, pickle_int(0), pickle_tuple({1}), pickle_tuple({1}),
                   view.requires_grad, view.hooks, pickle_global("torch", type), "tR"});
  }
  refused(file_of(model + "u", "N", kBytes));
}

TEST(PthCost, OfKeysIsChargedInEachDictAndTheyAreNotCopied) {
  constexpr std::uint64_t kKeys = 3'400;
  std::string pickle;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    pickle += join({pickle_text(std::string(1016, 'k') + test::little(0x41414141 + i, 4)), "r",
                    test::little(i, 4), "0"});
  }
  pickle += "N";
  for (int level = 0; level < 190; ++level) {
    pickle += "r" + test::little(kKeys, 4) + "0}(";
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      pickle += "j" + test::little(i, 4) + (i == 0 ? "j" + test::little(kKeys, 4) : "N");
    }
    pickle += "u";
  }
  refused(file_of("}", pickle), "");
}

TEST(PthCost, OfAStoragesKeyIsBounded) {
  test::RawTensor tensor;
  tensor.storage = test::RawStorage{.key = std::string(1025, 'k')}.pickle();
  refused(file_of(dict_of(1, tensor.pickle())), "key of over 1,024 bytes");
}

TEST(PthCost, OfARootThatIsOneTensorIsCharged) {
  test::RawTensor tensor;
  tensor.size = pickle_tuple({std::int64_t{1} << 40});
  tensor.stride = pickle_tuple({0});
  test::RawZip zip;
  zip.members.push_back({.name = "x/data.pkl", .data = "\x80\x02" + tensor.pickle() + "."});
  zip.members.push_back({.name = "x/data/0", .data = std::string(16, 's')});
  refused(zip.file());
}

}  // namespace
}  // namespace convmae
