#pragma once

#include "support/malformed.h"
#include <string>

namespace convmae::test {

/// What can be wrong with a pickle, whatever contains it.
enum class PickleDefect {
  truncated,
  unknown_opcode,
  unknown_protocol,
  forbidden_global,
  forbidden_stack_global,
  name_without_end,
  call_of_data,
  call_without_tuple,
  call_of_class_with_arguments,
  build_on_list,
  pop_from_empty_stack,
  close_without_mark,
  take_from_below_mark,
  recall_of_nothing,
  memo_index_huge,
  key_without_value,
  list_as_key,
  key_too_long,
  duplicate_key,
  append_to_dict,
  list_contains_itself,
  dict_contains_itself,
  nested_too_deep,
  shared_without_end,
  invalid_utf8,
  text_longer_than_file,
  integer_too_long,
  values_left_over,
  storage_negative,
  storage_larger_than_file,
  storage_overflows,
  storage_of_unknown_type,
  storage_described_twice,
  storage_as_value,
  name_as_value,
  tensor_beyond_storage,
  tensor_negative,
  tensor_overflows,
  tensor_ranks_differ,
  tensor_repeats_too_much,
  tensor_of_wrong_types,
  tensor_with_hooks,
  too_many_dimensions,
  numpy_scalar_of_wrong_size,
  numpy_type_unknown,
  numpy_big_endian,
  numpy_array_disagrees,
  count
};

/// A pickle that is well-formed but for that; its only storage "0" has 16 bytes.
std::string spoiled_pickle(PickleDefect defect, Draws& draws);

}  // namespace convmae::test
