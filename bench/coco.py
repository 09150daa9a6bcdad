#!/usr/bin/env python3
"""COCO files: reading annotations, and the evaluator beside pycocotools and hotcoco, by CPU time.

    bench/coco.py read [--program build/convmae] [--scale 1]
    bench/coco.py evaluate [--program build/convmae] [--images 1000] [--detections 100] [--seed 1] [--rounds 3]
    bench/coco.py compare [--program build/convmae] [--sets 200]

`read` makes annotations of the size of COCO's training set (about 460 MB; --scale takes a share of it) and loads them with Python's
json.load and with `detect eval --load_only`, each in a process of its own: CPU seconds of the process, and its peak memory.

`evaluate` makes a random set with classes as skewed as COCO's and evaluates it with all three, boxes and masks; a program's figure is
the least of --rounds: evaluate and accumulate, decoding of masks included, reading of JSON not. It also holds the CPU seconds that
`detect eval` tells against those of its process less one of --load_only, and all twelve numbers against pycocotools'.

`compare` evaluates random sets (ties, crowds, empty images and classes, areas on the borders of the ranges) and counts those where one
of the twelve numbers or a category's AP is not pycocotools' to the bit.

`evaluate` and `compare` need the Python packages pycocotools 2.0.11 and numpy, and hotcoco 1.3 if it is to be beside: any environment
will do, the project does not need them.
"""

import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def cpu_of(command):
    """CPU seconds and peak bytes of a process, and what it printed."""
    script = ("import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE); "
              "u = resource.getrusage(resource.RUSAGE_CHILDREN); "
              "print(r.returncode, u.ru_utime + u.ru_stime, u.ru_maxrss * 1024); sys.stdout.flush(); "
              "sys.stdout.buffer.write(r.stdout)")
    result = subprocess.run([sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True, check=True)
    first, _, rest = result.stdout.partition("\n")
    code, seconds, peak = first.split()
    if code != "0":
        sys.exit(f"{' '.join(map(str, command))} failed: {result.stderr}{rest}")
    return float(seconds), float(peak), rest


def make_annotations(path, scale):
    """A file with as many images, annotations and bytes as COCO's training set."""
    draw = random.Random(1)

    def annotation():
        x, y, w, h = draw.uniform(0, 400), draw.uniform(0, 300), draw.uniform(5, 240), draw.uniform(5, 180)
        points = max(3, min(400, int(draw.lognormvariate(3.0, 0.75))))
        polygon = ",".join(f"{draw.uniform(x, x + w):.2f},{draw.uniform(y, y + h):.2f}" for _ in range(points))
        return f'{{"segmentation": [[{polygon}]],"area": {w * h * 0.6!r},"iscrowd": 0,"bbox": [{x:.2f},{y:.2f},{w:.2f},{h:.2f}],'

    pool = [annotation() for _ in range(5000)]
    images, annotations = int(118287 * scale), int(860001 * scale)
    with open(path, "w") as file:
        file.write('{"info": {"year": 2017},"licenses": [],"images": [')
        for i in range(1, images + 1):
            file.write(f'{"," if i > 1 else ""}{{"license": 3,"file_name": "{i:012}.jpg","coco_url": '
                       f'"http://images.example/train2017/{i:012}.jpg","height": 480,"width": 640,"date_captured": '
                       f'"2013-11-14 11:18:45","flickr_url": "http://farm.example/8186/8119368305_4e622c8349_z.jpg","id": {i}}}')
        file.write('],"annotations": [')
        for a in range(1, annotations + 1):
            file.write(f'{"," if a > 1 else ""}{pool[draw.randrange(5000)]}"image_id": {draw.randint(1, images)},'
                       f'"category_id": {draw.randint(1, 80)},"id": {a}}}')
        categories = ",".join(f'{{"supercategory": "s","id": {k},"name": "c{k}"}}' for k in range(1, 81))
        file.write(f'],"categories": [{categories}]}}')


def read(options, folder):
    path, empty = folder / "instances.json", folder / "results.json"
    make_annotations(path, options.scale)
    empty.write_text("[]")
    print(f"{path.stat().st_size / 1e6:.0f} MB")
    python = cpu_of([sys.executable, "-c", "import json, sys; json.load(open(sys.argv[1]))", path])
    ours = cpu_of([options.program, "detect", "eval", "--results", empty, "--annotations", path, "--load_only"])
    for name, (seconds, peak, _) in (("json.load of Python", python), ("convmae", ours)):
        print(f"{name:22} {seconds:7.2f} CPU s {peak / 2**20:8.0f} MiB at most")
    print(f"ratio of CPU time      {python[0] / ours[0]:7.2f}")


def random_set(images, detections, seed, classes=80):
    """Annotations and results with boxes and masks, classes as skewed as COCO's."""
    import numpy as np
    from pycocotools import mask as masks

    r = np.random.RandomState(seed)
    share = 1.0 / np.arange(1, classes + 1)
    share /= share.sum()

    def blob(h, w):
        bw, bh = np.exp(r.uniform(np.log(8), np.log(w * 0.8))), np.exp(r.uniform(np.log(8), np.log(h * 0.8)))
        return [r.uniform(0, max(1, w - bw)), r.uniform(0, max(1, h - bh)), min(bw, w), min(bh, h)]

    def polygon(box, points=14):
        angle, s = np.sort(r.uniform(0, 2 * np.pi, points)), r.uniform(0.6, 1, points)
        x, y, w, h = box
        return np.stack([x + w / 2 + w / 2 * s * np.cos(angle), y + h / 2 + h / 2 * s * np.sin(angle)], 1).ravel().tolist()

    def encode(points, h, w):
        rle = masks.merge(masks.frPyObjects([points], h, w))
        return {"size": [int(h), int(w)], "counts": rle["counts"].decode()}

    truth = {"images": [], "annotations": [], "categories": [{"id": k, "name": f"c{k}"} for k in range(1, classes + 1)]}
    results = []
    for i in range(1, images + 1):
        h, w = (480, 640) if r.rand() < 0.7 else (640, 426)
        truth["images"].append({"id": i, "height": h, "width": w, "file_name": f"{i}.jpg"})
        objects = []
        for _ in range(max(1, r.poisson(7.2))):
            box = blob(h, w)
            points, c = polygon(box), int(r.choice(classes, p=share)) + 1
            rle = encode(points, h, w)
            area = float(masks.area({"size": rle["size"], "counts": rle["counts"].encode()}))
            if area < 1:
                continue
            crowd = int(r.rand() < 0.01)
            truth["annotations"].append({"id": len(truth["annotations"]) + 1, "image_id": i, "category_id": c, "bbox": box, "area": area,
                                         "iscrowd": crowd, "segmentation": rle if crowd else [points]})
            objects.append((box, c, points))
        for _ in range(detections):
            if objects and r.rand() < 0.35:
                b, c, points = objects[r.randint(len(objects))]
                d = r.normal(0, 0.06, 4) * [b[2], b[3], b[2], b[3]]
                box = [b[0] + d[0], b[1] + d[1], max(2, b[2] + d[2]), max(2, b[3] + d[3])]
                points = (np.array(points).reshape(-1, 2) + r.normal(0, 2, (len(points) // 2, 2))).ravel().tolist()
                c = c if r.rand() < 0.9 else int(r.choice(classes, p=share)) + 1
            else:
                box = blob(h, w)
                points, c = polygon(box), int(r.choice(classes, p=share)) + 1
            results.append({"image_id": i, "category_id": c, "bbox": [round(float(x), 2) for x in box],
                            "score": round(float(r.rand() ** 2), 5), "segmentation": encode(points, h, w)})
    return truth, results


def published(truth, results, kind):
    """CPU seconds of evaluate and accumulate, the twelve numbers and the AP of each category, by pycocotools."""
    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    # detectron2 takes the boxes out where masks are evaluated: areas are those of the masks.
    results = [{k: v for k, v in line.items() if kind == "bbox" or k != "bbox"} for line in results]
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = json.loads(json.dumps(truth))
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(results), kind)
        begin = time.process_time()
        evaluation.evaluate()
        evaluation.accumulate()
        seconds = time.process_time() - begin
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    aps = [precision[:, :, k] for k in range(precision.shape[2])]
    aps = [float(np.mean(ap[ap > -1])) if (ap > -1).any() else None for ap in aps]
    return seconds, evaluation.stats.tolist(), aps


def hotcoco_seconds(truth_path, results_path, kind):
    try:
        import hotcoco
    except ImportError:
        return None
    ground = hotcoco.COCO(str(truth_path))
    evaluation = hotcoco.COCOeval(ground, ground.load_res(str(results_path)), kind)
    begin = time.process_time()
    evaluation.evaluate()
    evaluation.accumulate()
    return time.process_time() - begin


def ours(program, truth_path, results_path, folder):
    out = folder / "out.json"
    command = [program, "detect", "eval", "--results", results_path, "--annotations", truth_path]
    whole = cpu_of([*command, "--json", out])[0]
    loading = cpu_of([*command, "--load_only"])[0]
    return json.loads(out.read_text()), whole - loading


def write_set(truth, results, folder):
    paths = folder / "truth.json", folder / "results.json"
    for path, value in zip(paths, (truth, results)):
        path.write_text(json.dumps(value))
    return paths


def evaluate(options, folder):
    truth, results = random_set(options.images, options.detections, options.seed)
    truth_path, results_path = write_set(truth, results, folder)
    masks_path = folder / "masks.json"
    masks_path.write_text(json.dumps([{k: v for k, v in line.items() if k != "bbox"} for line in results]))
    rounds = [ours(options.program, truth_path, results_path, folder) for _ in range(options.rounds)]
    for kind, path in (("bbox", results_path), ("segm", masks_path)):
        slow, stats, aps = published(truth, results, kind)
        report = rounds[0][0][kind]
        seconds = min(result[kind]["cpu_seconds"] for result, _ in rounds)
        hot = [hotcoco_seconds(truth_path, path, kind) for _ in range(options.rounds)]
        same = "the same" if (report["stats"], report["per_category_ap"]) == (stats, aps) else "OTHER NUMBERS"
        print(f"{kind}: convmae {seconds:.4f} CPU s; pycocotools {slow:.3f}, {slow / seconds:.0f} times, {same}", end="")
        print(f"; hotcoco {min(hot):.4f}, convmae {seconds / min(hot):.2f} of it" if hot[0] is not None else "; hotcoco is not installed")
    told = min(sum(result[kind]["cpu_seconds"] for kind in ("bbox", "segm")) for result, _ in rounds)
    print(f"both told by the program: {told:.4f} CPU s; whole process less --load_only: {min(rest for _, rest in rounds):.4f}")


def odd_set(seed):
    """A small set with what is rare: ties, crowds, classes and images without objects or detections, areas on the borders."""
    r = random.Random(seed)
    truth, results = random_set(r.randint(1, 8), r.choice((1, 5, 30, 120)), seed, classes=r.randint(1, 5))
    for annotation in truth["annotations"]:
        annotation["area"] = r.choice((annotation["area"], 1024, 9216, 1023.5))
        if r.random() < 0.1 and isinstance(annotation["segmentation"], list):
            annotation["iscrowd"] = 1
    for line in results:
        line["score"] = round(line["score"], r.choice((1, 1, 5)))
        if r.random() < 0.2:
            line["bbox"] = [round(x) for x in line["bbox"]]
    truth["annotations"] = [a for a in truth["annotations"] if r.random() < 0.8]
    r.shuffle(truth["annotations"])
    r.shuffle(truth["images"])
    r.shuffle(results)
    return truth, results


def compare(options, folder):
    wrong = 0
    for seed in range(options.sets):
        truth, results = odd_set(seed)
        report, _ = ours(options.program, *write_set(truth, results, folder), folder)
        for kind in ("bbox", "segm"):
            _, stats, aps = published(truth, results, kind)
            if report[kind] is None or (report[kind]["stats"], report[kind]["per_category_ap"]) != (stats, aps):
                wrong += 1
                print(f"seed {seed}, {kind}: other numbers")
    print(f"{options.sets} sets, boxes and masks: {wrong} differ")
    return wrong > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("read", "evaluate", "compare"))
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--detections", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=200)
    options = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = "1"  # hotcoco's: seconds of one thread
    with tempfile.TemporaryDirectory() as folder:
        task = {"read": read, "evaluate": evaluate, "compare": compare}[options.task]
        sys.exit(task(options, Path(folder)))


if __name__ == "__main__":
    main()
