#pragma once

namespace convmae {

/// The types that our kernels compute with. float and double accumulate in themselves, bfloat16 in
/// float. (No torch header: the files that are compiled per instruction set read this one.)
enum class Element { f32, f64, bf16 };

}  // namespace convmae
