package audio_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
)

func TestReadPreprocessor(t *testing.T) {
	audioSet := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 1024, Mean: -4.2677393, Std: 4.5689974, Resampler: "hq", Channel: "mean"}
	speech := speechCommands()
	speech.Resampler, speech.Channel = "hq", "mean"
	raw := audioSet
	raw.Mean, raw.Std = 0, 0.5
	for _, c := range []struct {
		name, text string
		want       audio.FrontEnd
	}{
		// Every field that transformers writes.
		{"Speech Commands", `{"do_normalize": true, "feature_extractor_type": "ASTFeatureExtractor", "feature_size": 1, "max_length": 128,
			"mean": -6.845978, "num_mel_bins": 128, "padding_side": "right", "padding_value": 0.0, "return_attention_mask": false,
			"sampling_rate": 16000, "std": 5.5654526}`, speech},
		{"class defaults", `{"feature_extractor_type": "ASTFeatureExtractor"}`, audioSet},
		{"nulls are defaults", `{"feature_extractor_type": "ASTFeatureExtractor", "mean": null}`, audioSet},
		{"not normalised", `{"feature_extractor_type": "ASTFeatureExtractor", "do_normalize": false}`, raw},
	} {
		got, err := audio.ReadPreprocessor(writeFile(t, "preprocessor_config.json", []byte(c.text)))
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestReadPreprocessorRefuses(t *testing.T) {
	const ast = `{"feature_extractor_type": "ASTFeatureExtractor", `
	for _, c := range []struct {
		name, text  string
		unsupported bool
		want        string
	}{
		{"not JSON", "hello", false, "not a preprocessor_config.json"},
		{"wrong type", ast + `"mean": "low"}`, false, "not a preprocessor_config.json"},
		{"no extractor", `{"mean": 0}`, true, "no feature_extractor_type"},
		{"CLAP", `{"feature_extractor_type": "ClapFeatureExtractor"}`, true, `"ClapFeatureExtractor"`},
		{"padding value", ast + `"padding_value": -1}`, true, "padding_value -1"},
		{"padding side", ast + `"padding_side": "left"}`, true, `padding_side "left"`},
		{"feature size", ast + `"feature_size": 2}`, true, "feature_size 2"},
		{"std 0", ast + `"std": 0}`, true, "std 0"},
		{"too large", ast + `"x": "` + strings.Repeat("x", 1<<20) + `"}`, false, "larger than"},
	} {
		path := writeFile(t, "preprocessor_config.json", []byte(c.text))
		_, err := audio.ReadPreprocessor(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with the file and %q", c.name, err, c.want)
		}
		var u *audio.UnsupportedError
		if errors.As(err, &u) != c.unsupported {
			t.Errorf("%s: got error of type %T, want unsupported %v", c.name, err, c.unsupported)
		}
	}
	if _, err := audio.ReadPreprocessor(filepath.Join(t.TempDir(), "absent.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: got %v, want fs.ErrNotExist", err)
	}
}

func ExampleParseFrontEnd() {
	f, err := audio.ParseFrontEnd([]byte(`{"kind": "ast", "sample_rate": 16000, "mel_bins": 128, "frames": 512, "mean": -6.6, "std": 5.4}`))
	fmt.Println(f.Frames, f.Resampler, f.Channel, err)
	// Output: 512 hq mean <nil>
}
