"""Golden values for the audio front end: fbank.npz and resample.npz.

Needs torchaudio (compliance.kaldi and functional.resample are pure Python; if
no build matches the installed torch, see README.md).

    python audio_golden.py      # writes testdata/golden/

fbank.npz:    NAME/wave float32, NAME/fbank float32 (torchaudio, float32) for
              every signal; NAME/fbank64 float32: the first 32 rows computed
              by torchaudio in float64, for checks without rounding noise.
resample.npz: NAME/in float32, NAME/out float32 (float32 torchaudio), NAME/rates
              int64 [from, to]; torchaudio's default sinc_interp_hann, width 6,
              rolloff 0.99.
"""

import numpy as np
import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi

import common
import fbank
import speech


def torch_fbank(x: np.ndarray, dtype) -> np.ndarray:
    return kaldi.fbank(
        torch.from_numpy(x).to(dtype).unsqueeze(0), htk_compat=True, sample_frequency=16000, use_energy=False,
        window_type="hanning", num_mel_bins=128, dither=0.0, frame_shift=10,
    ).numpy()


def signals() -> dict[str, np.ndarray]:
    t = np.arange(8000) / 16000
    noise = speech.rng_for("golden").standard_normal(8000)
    chirp_t = np.arange(24000) / 16000
    word = speech.dry("seven", "en-us+m3", 160, 50)
    word = np.concatenate([np.zeros(800), 0.5 * word, np.zeros(800)])
    out = {
        "lcg_sine": fbank.test_signal(16000),
        "sine": 0.5 * np.sin(2 * np.pi * 1000 * t),
        "silence": np.zeros(4000),
        "dc": 0.7 + 0.01 * np.sin(2 * np.pi * 300 * t),
        "loud_noise": np.clip(0.8 * noise, -1, 1),
        "speech": np.round(word * 32767) / 32768,
        "short500": 0.2 * np.sin(2 * np.pi * 220 * t[:500]),
        "chirp": 0.4 * np.sin(2 * np.pi * (50 * chirp_t + (7500 - 50) / 3.0 * chirp_t**2))
        + 1e-3 * speech.rng_for("chirp").standard_normal(24000),
    }
    return {k: v.astype(np.float32) for k, v in out.items()}


def main() -> None:
    common.setup_torch(1)
    out_dir = common.TESTDATA / "golden"
    out_dir.mkdir(exist_ok=True)
    out = {}
    for name, x in signals().items():
        f32, f64 = torch_fbank(x, torch.float32), torch_fbank(x, torch.float64)
        own = fbank.fbank(x)
        print(f"{name}: {len(x)} samples, {f32.shape[0]} frames; torchaudio float32 - float64 "
              f"{np.abs(f32 - f64).max():.1e}; own float64 - torchaudio float64 {np.abs(own - f64).max():.1e}")
        out[name + "/wave"] = x
        out[name + "/fbank"] = f32.astype(np.float32)
        out[name + "/fbank64"] = f64[:32].astype(np.float32)
    np.savez_compressed(out_dir / "fbank.npz", **out)

    res = {}
    for rate in (44100, 8000, 48000, 22050):
        n = rate // 10
        t = np.arange(n) / rate
        kinds = {
            "sweep": 0.5 * np.sin(2 * np.pi * (100 * t + (0.45 * rate - 100) / (2 * 0.1) * t**2)),
            "noise": 0.2 * speech.rng_for("resample", rate).standard_normal(n),
        }
        for kind, x in kinds.items():
            x = x.astype(np.float32)
            y = torchaudio.functional.resample(torch.from_numpy(x), rate, 16000).numpy()
            y64 = torchaudio.functional.resample(torch.from_numpy(x.astype(np.float64)), rate, 16000).numpy()
            key = f"{rate}_{kind}"
            res[key + "/in"], res[key + "/out"] = x, y
            res[key + "/rates"] = np.array([rate, 16000], dtype=np.int64)
            print(f"{key}: {n} -> {len(y)} samples; float32 - float64 {np.abs(y - y64).max():.1e}")
    np.savez_compressed(out_dir / "resample.npz", **res)
    for p in sorted(out_dir.glob("*.npz")):
        print(p.name, p.stat().st_size, "bytes")
    print("torchaudio", torchaudio.__version__, "torch", torch.__version__)


if __name__ == "__main__":
    main()
