"""Synthesise the speech data with espeak-ng, sox and opus-tools.

    python speech.py pretrain      # features of the pretraining clips -> temporary folder
    python speech.py downstream    # testdata/speech: FLAC clips and speech.csv
    python speech.py voices        # list the voice groups

Voices are (base accent, variant) pairs. The variants are split into five
disjoint groups, family by family (robosoft, robosoft2, ... stay together), so
no test voice is ever heard in pretraining or training.
"""

import argparse
import csv
import functools
import hashlib
import io
import multiprocessing
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import zlib

import numpy as np
import scipy.signal
import soundfile

import common
import fbank
import words

# Note: the plain accent "en-gb" ignores variants, "en" does not.
GROUPS = {
    # name: (share of the variant families, base accents)
    "pretrain-train": (0.52, ["en-us", "en", "en-gb-x-rp", "en-029"]),
    "pretrain-eval": (0.10, ["en-us", "en-gb-x-rp", "en-gb-scotland"]),
    "train": (0.14, ["en-us", "en-gb-x-rp", "en-gb-x-gbcwmd"]),
    "val": (0.10, ["en", "en-gb-x-gbclan"]),
    "test": (0.14, ["en-us-nyc", "en-gb-scotland"]),
}
FULL = int(1.28 * common.SAMPLE_RATE)
ESPEAK_RATE = 22050


def rng_for(*key) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


# ---- voices -------------------------------------------------------------


def espeak(text: str, voice: str, speed: int, pitch: int) -> bytes:
    """Raw 16-bit samples at 22050 Hz (the WAV header is 44 bytes long)."""
    out = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ).stdout
    return out[44:]


def variants() -> list[str]:
    text = subprocess.run(["espeak-ng", "--voices=variant"], check=True, capture_output=True, text=True).stdout
    names = {m.group(1) for line in text.splitlines() if (m := re.search(r"!v/(.+?)\s*$", line))}
    return sorted(n for n in names if " " not in n)


def family(variant: str) -> str:
    if re.fullmatch(r"[fm]\d", variant):
        return variant
    for prefix in ("anika", "whisper"):
        if variant.startswith(prefix):
            return prefix
    return variant.rstrip("0123456789")


@functools.lru_cache
def voice_groups() -> dict[str, list[str]]:
    """Group name -> voices, without voices that sound the same as an earlier one."""
    fams: dict[str, list[str]] = {}
    for v in variants():
        fams.setdefault(family(v), []).append(v)
    names = sorted(fams)
    rng_for("families", 3).shuffle(names)
    order, start = {}, 0.0
    total = sum(len(fams[n]) for n in names)
    group_of, taken = {}, 0
    bounds = np.cumsum([share for share, _ in GROUPS.values()])
    for n in names:
        g = list(GROUPS)[int(np.searchsorted(bounds, taken / total, side="right").clip(0, len(GROUPS) - 1))]
        group_of[n] = g
        taken += len(fams[n])
    seen, groups = set(), {g: [] for g in GROUPS}
    for g, (_, bases) in GROUPS.items():
        for n in names:
            if group_of[n] != g:
                continue
            for variant in fams[n]:
                for base in bases:
                    voice = f"{base}+{variant}"
                    digest = hashlib.sha256(espeak("yes seven", voice, 160, 50)).hexdigest()
                    if digest not in seen:
                        seen.add(digest)
                        groups[g].append(voice)
    return groups


# ---- one dry word -------------------------------------------------------


def trim(x: np.ndarray, rate: int, margin: float = 0.02) -> np.ndarray:
    hop = rate // 100
    n = len(x) // hop
    if n == 0:
        return x
    rms = np.sqrt((x[: n * hop].reshape(n, hop) ** 2).mean(axis=1))
    loud = np.flatnonzero(rms > 0.01 * rms.max())
    pad = int(margin * rate)
    return x[max(0, loud[0] * hop - pad) : (loud[-1] + 1) * hop + pad]


def dry(word: str, voice: str, speed: int, pitch: int, limit: float = 1.12) -> np.ndarray:
    """One word, 16 kHz mono, trimmed, peak 1. Speaks faster when it is too long."""
    for _ in range(4):
        raw = np.frombuffer(espeak(word, voice, speed, pitch), dtype="<i2").astype(np.float64)
        x = trim(raw, ESPEAK_RATE)
        if len(x) <= limit * ESPEAK_RATE:
            break
        speed = min(400, int(speed * 1.3))
    y = scipy.signal.resample_poly(x, 320, 441)[: int(limit * common.SAMPLE_RATE)]
    return y / max(1e-9, np.abs(y).max())


def coloured_noise(rng: np.random.Generator, n: int, slope: float) -> np.ndarray:
    """Noise with power ~ 1/f**slope, unit RMS: 0 white, 1 pink, 2 brown."""
    spec = np.fft.rfft(rng.standard_normal(n))
    f = np.maximum(np.arange(len(spec)), 1.0) * common.SAMPLE_RATE / n
    y = np.fft.irfft(spec * np.maximum(f, 40.0) ** (-slope / 2), n)
    return y / np.sqrt((y**2).mean())


def random_voice_settings(rng, voices):
    return voices[rng.integers(len(voices))], int(rng.integers(120, 221)), int(rng.integers(15, 86))


# ---- pretraining --------------------------------------------------------


def pretrain_clip(task) -> np.ndarray:
    """Clean to lightly augmented: little noise, small rooms, gain."""
    word, voice, speed, pitch, seed = task
    rng = rng_for("pretrain", seed)
    y = dry(word, voice, speed, pitch)
    y = np.concatenate([np.zeros(int(rng.uniform(0, 0.12) * 16000)), y, np.zeros(int(rng.uniform(0, 0.15) * 16000))])
    if rng.random() < 0.3:  # a small room: exponentially decaying noise
        t = np.arange(int(0.4 * 16000)) / 16000
        room = rng.standard_normal(len(t)) * np.exp(-6.9 * t / rng.uniform(0.1, 0.5)) * rng.uniform(0.01, 0.06)
        room[0] = 1.0
        y = scipy.signal.fftconvolve(y, room)[: len(y)]
    y = y[:FULL]
    speech = np.sqrt((y**2).mean())
    snr = rng.uniform(10, 35) if rng.random() < 0.6 else rng.uniform(45, 70)
    y = y + coloured_noise(rng, len(y), rng.uniform(0, 2)) * speech * 10 ** (-snr / 20)
    peak = np.exp(rng.uniform(np.log(0.05), np.log(0.9)))
    y = y * peak / np.abs(y).max()
    y = np.round(y * 32768).clip(-32768, 32767) / 32768
    return fbank.features(y).astype(np.float16)


def pretrain_tasks(split: str, per_word: int):
    voices = voice_groups()["pretrain-" + split]
    tasks, labels = [], []
    for i, word in enumerate(words.PRETRAIN):
        for k in range(per_word):
            rng = rng_for("pretrain", split, word, k)
            tasks.append((word, *random_voice_settings(rng, voices), f"{split}/{word}/{k}"))
            labels.append(i)
    return tasks, labels


def make_pretrain(train_per_word: int, eval_per_word: int, processes: int) -> None:
    common.TMP.mkdir(parents=True, exist_ok=True)
    for split, per_word in (("eval", eval_per_word), ("train", train_per_word)):
        tasks, labels = pretrain_tasks(split, per_word)
        start = time.time()
        with multiprocessing.Pool(processes) as pool:
            feats = np.stack(list(pool.imap(pretrain_clip, tasks, chunksize=32)))
        np.savez(common.TMP / f"pretrain-{split}.npz", fbank=feats, label=np.array(labels, dtype=np.int64))
        print(f"{split}: {len(feats)} clips, {len(voice_groups()['pretrain-' + split])} voices, "
              f"{time.time() - start:.0f} s", flush=True)


# ---- downstream ---------------------------------------------------------


def sox(x: np.ndarray, *effects: str, via: list[str] | None = None, rate_out: int = 16000) -> np.ndarray:
    """Run float samples through sox; via = output format options of a lossy round trip."""
    with tempfile.TemporaryDirectory() as d:
        src, dst = f"{d}/a.wav", f"{d}/b.wav"
        soundfile.write(src, x.astype(np.float32), 16000, subtype="FLOAT")
        if via:
            ext = via[-1]
            cmd = ["sox", "-D", "-R", "-G", src, *via[:-1], f"{d}/c.{ext}", *effects]
            subprocess.run(cmd, check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["sox", "-D", "-R", f"{d}/c.{ext}", "-b", "16", "-r", str(rate_out), dst],
                           check=True, stderr=subprocess.DEVNULL)
        else:
            subprocess.run(["sox", "-D", "-R", src, "-b", "32", "-e", "floating-point", dst, *effects],
                           check=True, stderr=subprocess.DEVNULL)
        y, rate = soundfile.read(dst)
        assert rate == 16000
        return y


def opus(x: np.ndarray, kbps: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as d:
        soundfile.write(f"{d}/a.wav", x.astype(np.float32), 16000, subtype="PCM_16")
        subprocess.run(["opusenc", "--quiet", "--serial", "1", "--speech", "--bitrate", str(kbps), f"{d}/a.wav", f"{d}/a.opus"],
                       check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["opusdec", "--quiet", "--no-dither", "--rate", "16000", f"{d}/a.opus", f"{d}/b.wav"],
                       check=True, stderr=subprocess.DEVNULL)
        y, _ = soundfile.read(f"{d}/b.wav")
        return y


def babble(rng, n: int, voices: list[str]) -> np.ndarray:
    """Three voices of the same group saying pretraining words at once."""
    y = np.zeros(n)
    for _ in range(3):
        w = words.PRETRAIN[rng.integers(len(words.PRETRAIN))]
        d = dry(w, *random_voice_settings(rng, voices))
        at = int(rng.integers(0, max(1, n - len(d) // 2)))
        part = d[: n - at]
        y[at : at + len(part)] += part
    return y / max(1e-9, np.sqrt((y**2).mean()))


def downstream_clip(task) -> np.ndarray:
    """One clip of the task: a room, noise, a channel, a level. 16-bit integers."""
    word, voice, speed, pitch, group, seed = task
    rng = rng_for("downstream", seed)
    y = dry(word, voice, speed, pitch, limit=0.95)
    y = np.concatenate([np.zeros(int(rng.uniform(0.02, 0.12) * 16000)), y, np.zeros(int(rng.uniform(0.04, 0.12) * 16000))])
    n = len(y)
    # Room.
    if rng.random() < 0.8:
        y = sox(0.3 * y, "reverb", f"{rng.uniform(30, 80):.0f}", "50", f"{rng.uniform(20, 100):.0f}",
                "100", f"{rng.uniform(0, 20):.0f}", f"{rng.uniform(-4, 3):.1f}")
        y = np.pad(y, (0, max(0, n - len(y))))[:n]
    # Noise before the channel.
    rms = np.sqrt((y**2).mean())
    snr = rng.uniform(*SNR)
    kind = rng.integers(4)
    noise = babble(rng, n, voice_groups()[group]) if kind == 3 else coloured_noise(rng, n, float(kind))
    y = y + noise * rms * 10 ** (-snr / 20)
    # Channel.
    y = y * 0.5 / np.abs(y).max()
    channel = rng.integers(5)
    if channel == 0:  # GSM mobile telephone
        y = sox(y, "highpass", "300", "lowpass", "3400", "rate", "8k", via=["-r", "8k", "gsm"])
    elif channel == 1:  # fixed-line telephone, mu-law
        y = sox(y, "sinc", "300-3400", "rate", "8k", via=["-r", "8k", "-e", "mu-law", "wav"])
    elif channel == 2:  # low-bitrate Opus
        y = opus(y, int(rng.integers(6, 13)))
    elif channel == 3:  # a cheap loudspeaker: resonance and narrow band
        y = sox(y, "highpass", f"{rng.uniform(300, 600):.0f}", "lowpass", f"{rng.uniform(2000, 3500):.0f}",
                "equalizer", f"{rng.uniform(700, 1800):.0f}", "1.5q", "10")
    else:  # muffled
        y = sox(y, "lowpass", f"{rng.uniform(900, 2000):.0f}", "treble", "-12")
    y = np.pad(y, (0, max(0, n - len(y))))[:n]
    peak = np.exp(rng.uniform(np.log(PEAK[0]), np.log(PEAK[1])))
    return np.round(y * peak / np.abs(y).max() * 32767).astype(np.int16)


SNR = (0.0, 15.0)
PEAK = (0.03, 0.12)
PER_CLASS = {"train": 20, "val": 30, "test": 40}


def downstream_tasks(set_seed: str = ""):
    """(task, label, split, voice, word, file) for every clip."""
    unknown = {
        "train": words.UNKNOWN_TRAIN_ONLY + words.UNKNOWN_SHARED,
        "val": words.UNKNOWN_SHARED + words.UNKNOWN_VAL_ONLY,
        "test": words.UNKNOWN_SHARED + words.UNKNOWN_TEST_ONLY,
    }
    rows = []
    for split, per_class in PER_CLASS.items():
        voices = voice_groups()[split]
        for label in common.DOWNSTREAM_LABELS:
            order = rng_for("voices", set_seed, split, label).permutation(len(voices))
            for k in range(per_class):
                word = label if label != common.UNKNOWN else unknown[split][k % len(unknown[split])]
                rng = rng_for("downstream", set_seed, split, label, k)
                voice = voices[order[k % len(voices)]]  # every voice once before any twice
                _, speed, pitch = random_voice_settings(rng, voices)
                task = (word, voice, speed, pitch, split, f"{set_seed}{split}/{label}/{k}")
                rows.append((task, label, split, voice, word, f"{split}/{label}-{k:02d}.flac"))
    return rows


def make_downstream(out: pathlib.Path, set_seed: str, processes: int) -> None:
    rows = downstream_tasks(set_seed)
    with multiprocessing.Pool(processes) as pool:
        clips = list(pool.imap(downstream_clip, [r[0] for r in rows], chunksize=8))
    for split in PER_CLASS:
        shutil.rmtree(out / split, ignore_errors=True)
        (out / split).mkdir(parents=True)
    with open(out / "speech.csv", "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["file", "label", "split", "voice", "word"])
        for clip, (_, label, split, voice, word, file) in zip(clips, rows):
            write_flac(out / file, clip)
            w.writerow([file, label, split, voice, word])
    size = sum(p.stat().st_size for p in out.rglob("*.flac"))
    print(f"{len(rows)} clips, {size} bytes, mean length {np.mean([len(c) for c in clips]) / 16000:.2f} s")


def write_flac(path: pathlib.Path, clip: np.ndarray) -> None:
    """flac -8 without padding or seek table keeps the small files small."""
    subprocess.run(
        ["flac", "--silent", "-8", "-e", "-p", "--no-padding", "--no-seektable", "-f", "-o", str(path), "--force-raw-format",
         "--endian=little", "--sign=signed", "--channels=1", "--bps=16", "--sample-rate=16000", "-"],
        input=clip.astype("<i2").tobytes(), check=True, stderr=subprocess.DEVNULL,
    )


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["pretrain", "downstream", "voices"])
    ap.add_argument("--processes", type=int, default=2)
    ap.add_argument("--out", type=pathlib.Path, default=common.TESTDATA / "speech")
    ap.add_argument("--set-seed", default="", help="another draw of voices, words' settings and noise")
    ap.add_argument("--train-per-word", type=int, default=80)
    ap.add_argument("--eval-per-word", type=int, default=6)
    args = ap.parse_args()
    if args.what == "pretrain":
        make_pretrain(args.train_per_word, args.eval_per_word, args.processes)
    elif args.what == "downstream":
        make_downstream(args.out, args.set_seed, args.processes)
    else:
        for g, v in voice_groups().items():
            print(f"{g}: {len(v)} voices: {' '.join(v)}")


if __name__ == "__main__":
    main()
