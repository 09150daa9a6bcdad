# One command for each thing that a person does with this tree; `make help` lists them.
# Everything a target needs is installed on the way (tools/setup), and a second call is immediate.

JOBS ?= $(shell nproc)

.DEFAULT_GOAL := build
.PHONY: help build test demo demo-classify demo-detect demo-segment evidence format format-check tidy tidy-changed sanitize \
        sanitize-quick sanitize-threads test-launchers bench clean

help:            ## Show this list
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

build:           ## Build build/convmae and build/convmae_golden
	@tools/setup build
	@test -f build/build.ninja || tools/configure release -DCONVMAE_TESTS=OFF
	@cmake --build build --parallel $(JOBS) --target convmae convmae_golden

test:            ## Build everything and run the tests
	@tools/setup build test
	@tools/configure release -DCONVMAE_TESTS=ON
	@cmake --build build --parallel $(JOBS)
	@ctest --test-dir build --parallel $(JOBS) --output-on-failure

demo:            ## Pretrain a small model on photographs (at most 6 minutes) and show what it learned
	@tools/demo

demo-classify:   ## Pretrain on Fashion-MNIST without labels (at most 15 minutes) and show what the features are worth
	@tools/demo_classify

demo-detect:     ## Train a small detector on composed pictures (about 15 minutes) and show what it finds
	@tools/demo_detect

demo-segment:    ## Train a small segmentor on composed pictures (about 20 minutes) and show what it makes of others
	@tools/demo_segment

evidence: build  ## Repeat three of the comparisons in docs/evidence.md with one seed, and make its tables again (an hour on two cores)
	@tools/prepare_fashion
	@build/convmae study $(addprefix configs/studies/,$(addsuffix _fashion.toml,pretrained methods masked_conv)) \
	  --seeds 1 --parallel $(JOBS) --out runs/evidence-once
	@build/convmae study configs/studies/*_fashion.toml --lines docs/evidence --tables docs/evidence.md >/dev/null

format:          ## Format the C++ sources
	@tools/setup lint
	@git ls-files -z '*.cpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format-14 -i

format-check:    ## Fail if a C++ source is not formatted
	@tools/setup lint
	@git ls-files -z '*.cpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format-14 --dry-run -Werror
	@echo "format: clean"

tidy:            ## Run clang-tidy over all sources
	@tools/setup build test lint
	@tools/configure tidy
	@tools/tidy --all

tidy-changed:    ## Run clang-tidy over the sources that differ from the main branch, or that the last 20 commits changed
	@tools/setup build test lint
	@tools/configure tidy
	@tools/tidy

sanitize:        ## Run the tests under the address and undefined-behaviour sanitizers, with assertions
	@tools/setup build test
	@tools/configure sanitize
	@cmake --build build-sanitize --parallel $(JOBS)
	@ctest --preset sanitize --parallel $(JOBS)

sanitize-quick:  ## The same for what reads files and for the operators; replays the fuzz corpora
	@tools/setup build test
	@tools/configure sanitize
	@cmake --build build-sanitize --parallel $(JOBS) --target quick
	@ctest --preset sanitize --parallel $(JOBS) -L quick

sanitize-threads: ## Run the loader, and training with all its observers, under the thread sanitizer
	@tools/setup build test
	@tools/configure threads
	@cmake --build build-threads --parallel $(JOBS) --target convmae test_data test_report
	@ctest --preset threads -R '^(data|report|cli_resume|cli_durability|cli_classification)$$'

test-launchers: build ## Start runs of two processes by torchrun, mpirun and SLURM; INSTALL=1 installs the latter two
	@tools/setup build test
	@.venv/bin/python tools/test_launchers $(if $(INSTALL),--install)

bench: build     ## Measure operators and training steps of the Base model against the machine's limits
	@build/convmae bench ops
	@build/convmae bench pretrain

clean:           ## Remove the build trees (not .venv, data or runs)
	@rm -rf build build-debug build-sanitize build-threads build-tidy build-fuzz
