// The torch headers that nearly every file of ops, model, train and their tests includes.
// Precompiled once for all of them; the files still include what they use, so that a build with
// CONVMAE_PCH=OFF and clang-tidy see the same code.

#pragma once

#include <ATen/ATen.h>
#include <torch/library.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
