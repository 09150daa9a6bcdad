#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"

#include <CLI/CLI.hpp>

namespace convmae {

void add_bench(CLI::App& app) {
  CLI::App* const bench = app.add_subcommand("bench", "Measure what this program costs");
  bench->require_subcommand(1);
  add_bench_steps(*bench);
  add_bench_ops(*bench);
  add_bench_data(*bench);
  add_bench_weights(*bench);
  add_example(*bench, "convmae bench pretrain --model nano --steps 2");
}

}  // namespace convmae
