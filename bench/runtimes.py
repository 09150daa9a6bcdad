#!/usr/bin/env python3
"""A classifier in this program and, exported, in other runtimes: CPU seconds a batch on one thread.

    bench/runtimes.py FILE [--model base] [--batch_sizes 8,1] [--program build/convmae] [--rounds 3]

FILE is a classifier of the model that --model names; random images of its size. Needs a Python with numpy, onnx and
onnxruntime; with openvino it is measured too. int8: the matrix products, quantised dynamically by onnxruntime's own
tool; beside it stands how far its logits are from float32's, largest difference over largest logit. OpenVINO computes
in float32 and, where the CPU has it, bfloat16. All take turns, `--rounds` times, and the least counts: what disturbs
a run only adds. Pin it to one CPU: taskset -c 1 bench/runtimes.py ...
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


def of_program(options, precision):
    def measure(batch):
        command = [options.program, "bench", "inference", "--model", options.model, "--batch_size", str(len(batch)),
                   "--steps", str(options.steps), "--threads", "1", "--no_products", "--precision", precision, "--json"]
        result = subprocess.run(command, capture_output=True, text=True)
        return json.loads(result.stdout)["cpu_seconds_per_step"] if result.returncode == 0 else None

    return measure


def timed(options, run):
    """CPU seconds of a call, after a first one."""
    def measure(batch):
        run(batch)
        start = time.process_time()
        for _ in range(options.steps):
            run(batch)
        return (time.process_time() - start) / options.steps

    return measure


def of_onnxruntime(path):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"images": batch})[0]


def of_openvino(path, precision):
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY"})
    return lambda batch: compiled([batch])[0]


def quantised(path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    out = path.with_suffix(".int8.onnx")
    quantize_dynamic(path, out, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8,
                     per_channel=True)
    return out


def difference(found, expected):
    import numpy as np

    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--model", default="base")
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--batch_sizes", default="8,1")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import numpy as np

    version = subprocess.run([options.program, "--version"], capture_output=True, text=True, check=True).stdout
    print(next(line.strip() for line in version.splitlines() if line.strip().startswith("cpu: ")))
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model.onnx"
        told = subprocess.run([options.program, "export", options.file, model, "--json"], capture_output=True, text=True)
        if told.returncode != 0:
            sys.exit(told.stderr.strip())
        _, channels, height, width = json.loads(told.stdout)["inputs"]["images"]
        small = quantised(model)
        runs = {"onnxruntime": of_onnxruntime(model), "onnxruntime int8": of_onnxruntime(small)}
        try:
            for name, path, precision in (("openvino", model, "f32"), ("openvino bf16", model, "bf16"),
                                          ("openvino int8", small, "f32")):
                runs[name] = of_openvino(path, precision)
        except ImportError:
            print("openvino is not installed")
        measures = {"convmae": of_program(options, "fp32"), "convmae bf16": of_program(options, "bf16")}
        measures.update({name: timed(options, run) for name, run in runs.items()})
        for size in map(int, options.batch_sizes.split(",")):
            batch = np.random.default_rng(0).normal(size=(size, channels, height, width)).astype(np.float32)
            seconds = {name: [] for name in measures}
            for _ in range(options.rounds):
                for name, measure in measures.items():
                    found = measure(batch)
                    if found is not None:
                        seconds[name].append(found)
            expected = runs["onnxruntime"](batch)
            for name, found in seconds.items():
                if not found:
                    print(f"batch {size}  {name:<17} left out")  # not every CPU multiplies bfloat16
                    continue
                far = f"   off by {difference(runs[name](batch), expected):.1e}" if name in runs else ""
                print(f"batch {size}  {name:<17} {min(found):8.3f} CPU s{far}", flush=True)


if __name__ == "__main__":
    main()
