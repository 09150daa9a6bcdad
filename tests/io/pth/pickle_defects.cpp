#include "pickle_defects.h"

#include "raw_pickle.h"
#include "support/bytes.h"
#include <array>
#include <limits>
#include <utility>
#include <vector>

namespace convmae::test {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

/// Names that run something, reach something that does, or look like those on the list.
constexpr std::array<Names, 20> kForbidden = {{{"os", "system"},
                                               {"posix", "system"},
                                               {"nt", "system"},
                                               {"subprocess", "Popen"},
                                               {"builtins", "eval"},
                                               {"builtins", "exec"},
                                               {"builtins", "getattr"},
                                               {"__builtin__", "getattr"},
                                               {"builtins", "__import__"},
                                               {"torch", "load"},
                                               {"torch.hub", "load"},
                                               {"torch.storage", "_load_from_bytes"},
                                               {"torch.jit", "load"},
                                               {"numpy", "load"},
                                               {"runpy", "_run_code"},
                                               {"pickle", "loads"},
                                               {"collections", "OrderedDict.fromkeys"},
                                               {"torch._utils", "_rebuild_tensor_v2 "},
                                               {"", ""},
                                               {"torch", "FloatTensor"}}};

std::string repeated(std::string_view piece, std::uint64_t times) {
  std::string text;
  for (std::uint64_t i = 0; i < times; ++i) text += piece;
  return text;
}

std::string with_arguments(const std::string& arguments) {
  RawCheckpoint checkpoint;
  checkpoint.arguments = arguments;
  return checkpoint.pickle();
}

std::string with_tensor(const RawTensor& tensor) {
  RawCheckpoint checkpoint;
  checkpoint.tensor = tensor.pickle();
  return checkpoint.pickle();
}

std::string with_storage(const RawStorage& storage) {
  RawTensor tensor;
  tensor.storage = storage.pickle();
  return with_tensor(tensor);
}

std::int64_t some(Draws& draws, std::uint64_t most) {
  return 1 + static_cast<std::int64_t>(draws.below(most));
}

std::string any_of(Draws& draws, const std::vector<std::string>& from) {
  return from[draws.below(from.size())];
}

std::string nested_lists(std::uint64_t depth) {
  return repeated("]", depth) + repeated("a", depth - 1);
}

/// A list that holds itself, with `depth` lists between.
std::string list_around_itself(std::uint64_t depth) {
  return join({"]q\x01", repeated("]", depth), "h\x01", repeated("a", depth + 1)});
}

std::string spoil_stack(PickleDefect defect, Draws& draws) {
  switch (defect) {
    case PickleDefect::call_of_data:
      return with_arguments(any_of(draws, {"K\x01", "}", "]", "N", pickle_text("os.system")}) +
                            ")R");
    case PickleDefect::call_without_tuple:
      return with_arguments(pickle_global("collections", "OrderedDict") +
                            any_of(draws, {"N", "]", "}", "K\x01"}) + "R");
    case PickleDefect::call_of_class_with_arguments:
      return with_arguments(pickle_global("argparse", "Namespace") +
                            any_of(draws, {"K\x01\x85R", "K\x01\x85\x81", "]]\x86\x81"}));
    case PickleDefect::build_on_list:
      return with_arguments(any_of(draws, {"]", "N", "K\x01", ")", "}"}) + "}b");
    case PickleDefect::pop_from_empty_stack:
      return join({"\x80\x02", repeated("0", 1 + draws.below(50)), "N."});
    case PickleDefect::close_without_mark:
      return join({"\x80\x02N", any_of(draws, {"t", "l", "d", "1", "e", "u"}), "."});
    case PickleDefect::take_from_below_mark:
      return with_arguments(any_of(draws, {"K\x01(\x85t", "K\x01(Rt", "](at", "}(st", "N(Q"}));
    case PickleDefect::recall_of_nothing:
      return with_arguments(join({"h", little(draws.below(256), 1)}));
    case PickleDefect::memo_index_huge:
      return with_arguments(join({"Nr", little((1U << 20) + draws.below(1U << 31), 4)}));
    case PickleDefect::key_without_value:
      return with_arguments(any_of(draws, {"}(K\x01u", "}(K\x01K\x02K\x03u", "(Nd"}));
    case PickleDefect::list_as_key:
      return with_arguments(join({"}", any_of(draws, {"]", "}", ")", "(K\x01t"}), "Ns"}));
    case PickleDefect::key_too_long:
      return with_arguments(
          join({"}", pickle_text(std::string(1025 + draws.below(9999), 'k')), "Ns"}));
    case PickleDefect::duplicate_key:
      return with_arguments(any_of(draws, {"}K\x01Ns(K\x01Nu",
                                           "}(U\x01"
                                           "aNU\x01"
                                           "aNu"}));
    case PickleDefect::append_to_dict:
      return with_arguments(any_of(draws, {"}Na", "}(NNe", ")Na", "K\x01(Ne"}));
    case PickleDefect::list_contains_itself:
      return with_arguments(list_around_itself(draws.below(20)));
    case PickleDefect::dict_contains_itself:
      return with_arguments("}q\x01K\x01h\x01\x85s");
    case PickleDefect::nested_too_deep:
      return with_arguments(nested_lists(202 + draws.below(50'000)));
    default: {  // shared_without_end: each tuple holds the one before twice
      std::string pickle = "Nq\x01";
      for (std::uint64_t i = 0; i < 21 + draws.below(100); ++i) pickle += "h\x01\x86q\x01";
      return with_arguments(pickle);
    }
  }
}

std::string spoil_text(PickleDefect defect, Draws& draws) {
  const std::string valid = RawCheckpoint().pickle();
  const auto& [module, name] = kForbidden[draws.below(kForbidden.size())];
  switch (defect) {
    case PickleDefect::truncated:
      return valid.substr(0, 2 + draws.below(valid.size() - 2));
    case PickleDefect::unknown_opcode:
      return with_arguments(any_of(draws, {"i", "o", "I1\n", "L1L\n", "V1\n", "S'a'\n", "g1\n",
                                           "p1\n", "P1\n", "F1\n", "\x82\x01", "\x84", "\x92",
                                           "\x96", "\x97", "\x98", std::string(1, '\0'), "\xFF"}));
    case PickleDefect::unknown_protocol: {
      RawCheckpoint checkpoint;
      checkpoint.protocol = any_of(draws, {std::string("\x80\0", 2), "\x80\x01", "\x80\x06"});
      return checkpoint.pickle();
    }
    case PickleDefect::forbidden_global:
      return with_arguments(pickle_global(module, name) + any_of(draws, {"", ")R", ")\x81", "}b"}));
    case PickleDefect::forbidden_stack_global:
      return with_arguments(join({pickle_text(module), pickle_text(name), "\x93"}));
    case PickleDefect::name_without_end:
      return with_arguments(any_of(draws, {"c", "cos\n"}) +
                            std::string(201 + draws.below(99), 'x'));
    case PickleDefect::invalid_utf8:
      return with_arguments(pickle_text(any_of(
          draws, {"\xFF", "a\xC0\x80", "\xE0\x80\x80", "\xF4\x90\x80\x80", "\xC3", "\x80"})));
    case PickleDefect::text_longer_than_file:
      return with_arguments(any_of(draws, {join({"X", little(0xFFFFFFFF, 4)}),
                                           join({"\x8d", little(~std::uint64_t{0}, 8)}),
                                           join({"\x8e", little(std::uint64_t{1} << 40, 8)}),
                                           join({"B", little(0x7FFFFFFF, 4)}), "C\xFF"}) +
                            "short");
    case PickleDefect::integer_too_long:
      return with_arguments(join({"\x8b", little(256, 4), std::string(256, '\x11')}));
    default:  // values_left_over
      return join({"\x80\x02N", repeated("N", 1 + draws.below(50)), "."});
  }
}

std::string spoil_storage(PickleDefect defect, Draws& draws) {
  RawStorage storage;
  switch (defect) {
    case PickleDefect::storage_negative:
      storage.numel = pickle_int(-some(draws, 1000));
      break;
    case PickleDefect::storage_larger_than_file:
      storage.numel = pickle_int(100'000 + some(draws, std::uint64_t{1} << 60));
      break;
    case PickleDefect::storage_overflows:
      storage.numel = pickle_int((std::int64_t{1} << 62) + 4 * some(draws, 3));
      break;
    case PickleDefect::storage_of_unknown_type:
      storage.type =
          any_of(draws, {"N", pickle_text("FloatStorage"), pickle_global("torch", "Size"),
                         pickle_global("torch", "QInt8Storage")});
      break;
    case PickleDefect::storage_described_twice: {
      RawStorage other;
      if (draws.below(2) == 0) {
        other.type = pickle_global("torch", "IntStorage");
      } else {
        other.numel = pickle_int(4 - some(draws, 3));
      }
      RawTensor tensor;
      tensor.storage = other.pickle();
      return with_arguments(tensor.pickle());
    }
    case PickleDefect::storage_as_value:
      return with_arguments(any_of(draws, {"", "]"}) + storage.pickle());
    default:  // name_as_value
      return with_arguments(any_of(
          draws, {pickle_global("argparse", "Namespace"), pickle_global("torch", "FloatStorage"),
                  pickle_global("builtins", "int")}));
  }
  return with_storage(storage);
}

std::string spoil_tensor(PickleDefect defect, Draws& draws) {
  RawTensor tensor;
  const std::uint64_t which = draws.below(3);
  switch (defect) {
    case PickleDefect::tensor_beyond_storage:
      if (which == 0) tensor.offset = pickle_int(some(draws, 1000));
      if (which == 1) tensor.size = pickle_tuple({2, 2 + some(draws, 1000)});
      if (which == 2) tensor.stride = pickle_tuple({2 + some(draws, 1000), 1});
      break;
    case PickleDefect::tensor_negative:
      if (which == 0) tensor.offset = pickle_int(-some(draws, 4));
      if (which == 1) tensor.size = pickle_tuple({-2, -2});
      if (which == 2) tensor.stride = pickle_tuple({-some(draws, 4), 1});
      break;
    case PickleDefect::tensor_overflows:
      if (which == 0) tensor.offset = pickle_int(std::numeric_limits<std::int64_t>::max());
      if (which == 1) tensor.size = pickle_tuple({std::int64_t{1} << 32, std::int64_t{1} << 32});
      if (which == 2) tensor.stride = pickle_tuple({std::numeric_limits<std::int64_t>::max(), 2});
      break;
    case PickleDefect::tensor_ranks_differ:
      tensor.stride = pickle_tuple(std::vector<std::int64_t>(draws.below(2) == 0 ? 1 : 3, 1));
      break;
    case PickleDefect::tensor_repeats_too_much:
      tensor.size = pickle_tuple({std::int64_t{1} << (23 + draws.below(35)), 4});
      tensor.stride = pickle_tuple({0, 1});
      break;
    case PickleDefect::tensor_of_wrong_types:
      if (which == 0) tensor.storage = any_of(draws, {"N", "K\x01", pickle_tuple({0})});
      if (which == 1) tensor.size = any_of(draws, {"N", "K\x04", "(G12345678t", "(\x88t"});
      if (which == 2) tensor.requires_grad = any_of(draws, {"N", "K\x01", "}"});
      break;
    case PickleDefect::tensor_with_hooks:
      tensor.hooks = any_of(draws, {"}K\x01Ns", "K\x01", "](Ne"});
      break;
    default:  // too_many_dimensions
      tensor.size = pickle_tuple(std::vector<std::int64_t>(65 + draws.below(2000), 1));
      tensor.stride = tensor.size;
  }
  return with_tensor(tensor);
}

std::string numpy_type(std::string_view name, std::string_view order) {
  return join({pickle_global("numpy", "dtype"), pickle_text(name), "\x89\x88\x87R(K\x03",
               pickle_text(order), "NNNJ\xFF\xFF\xFF\xFFJ\xFF\xFF\xFF\xFF", pickle_int(0), "tb"});
}

std::string spoil_numpy(PickleDefect defect, Draws& draws) {
  const auto scalar = [](const std::string& type, std::uint64_t size) {
    return join({pickle_global("numpy.core.multiarray", "scalar"), type, "C", little(size, 1),
                 std::string(size, 'x'), "\x86R"});
  };
  switch (defect) {
    case PickleDefect::numpy_scalar_of_wrong_size:
      return with_arguments(scalar(numpy_type("f8", "<"), draws.below(8)));
    case PickleDefect::numpy_type_unknown:
      return with_arguments(
          scalar(numpy_type(any_of(draws, {"O8", "V8", "f16", "c16", "M8", "", "S4"}), "<"), 8));
    case PickleDefect::numpy_big_endian:
      return with_arguments(scalar(numpy_type("f8", any_of(draws, {">", "", "!"})), 8));
    default: {  // numpy_array_disagrees
      const std::string empty =
          join({pickle_global("numpy._core.multiarray", "_reconstruct"),
                pickle_global("numpy", "ndarray"), pickle_int(0), "\x85", "C\x01", "b\x87R"});
      const std::int64_t side = std::int64_t{1} << draws.below(63);
      return with_arguments(join({empty, "(K\x01", pickle_tuple({side, 3}), numpy_type("f8", "<"),
                                  "\x89", "C\x08", "12345678tb"}));
    }
  }
}

}  // namespace

std::string spoiled_pickle(PickleDefect defect, Draws& draws) {
  if (defect <= PickleDefect::name_without_end) return spoil_text(defect, draws);
  if (defect <= PickleDefect::shared_without_end) return spoil_stack(defect, draws);
  if (defect <= PickleDefect::values_left_over) return spoil_text(defect, draws);
  if (defect <= PickleDefect::name_as_value) return spoil_storage(defect, draws);
  if (defect <= PickleDefect::too_many_dimensions) return spoil_tensor(defect, draws);
  return spoil_numpy(defect, draws);
}

}  // namespace convmae::test
