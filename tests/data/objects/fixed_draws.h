#pragma once

#include "convmae/data/objects/geometry_plan.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace convmae::test {

/// Draws that are given: shares of whatever range is asked for, one after the other.
inline GeometryDraws fixed_draws(std::vector<double> shares) {
  struct State {
    std::vector<double> shares;
    std::size_t next = 0;
  };
  const auto state = std::make_shared<State>(State{std::move(shares)});
  return {[state](double low, double high) {
            return low + (high - low) * state->shares.at(state->next++);
          },
          [state](std::size_t count) {
            return static_cast<std::size_t>(static_cast<double>(count) *
                                            state->shares.at(state->next++));
          }};
}

}  // namespace convmae::test
