#pragma once

#include "convmae/io/pth/pickle_objects.h"

#include <span>

namespace convmae {

/// The rules by which numpy's scalars and arrays are pickled, read as plain data. Little-endian
/// floats, integers and booleans, and scalars of text; everything else is a UserError.

/// numpy.dtype(name, align, copy)
NumpyType make_numpy_type(std::span<const Value> arguments);
/// (version, byte order, subtype, names, fields, element size, alignment, flags)
void check_numpy_type_state(std::span<const Value> state);
/// scalar(dtype, bytes)
Value make_numpy_scalar(std::span<const Value> arguments, PickleObjects& objects);
/// _reconstruct(ndarray, (0,), b"b"): an array that its state will fill
Value make_numpy_array(std::span<const Value> arguments, PickleObjects& objects);
/// (version, shape, dtype, Fortran order, bytes)
void fill_numpy_array(NumpyArray& array, std::span<const Value> state, PickleObjects& objects);
/// _codecs.encode(text, "latin1"): how protocol 2 pickles bytes
Value encode_latin1(std::span<const Value> arguments, PickleObjects& objects);

}  // namespace convmae
