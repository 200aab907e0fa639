package audio

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// maxPreprocessor bounds a preprocessor file, which is usually below 1 kB.
const maxPreprocessor = 1 << 20

// preprocessor is the part of Hugging Face's preprocessor_config.json that
// decides an AST model's input. Pointers tell what the file leaves out.
type preprocessor struct {
	Type         *string  `json:"feature_extractor_type"`
	SamplingRate *int     `json:"sampling_rate"`
	NumMelBins   *int     `json:"num_mel_bins"`
	MaxLength    *int     `json:"max_length"`
	FeatureSize  *int     `json:"feature_size"`
	Mean         *float64 `json:"mean"`
	Std          *float64 `json:"std"`
	DoNormalize  *bool    `json:"do_normalize"`
	PaddingValue *float64 `json:"padding_value"`
	PaddingSide  *string  `json:"padding_side"`
}

// ReadPreprocessor reads the preprocessor_config.json of a Hugging Face AST
// checkpoint (an ASTFeatureExtractor). What the file leaves out has the value
// that class gives it: 16 kHz, 128 bins, 1024 frames, AudioSet's mean and std.
// Other extractor types, and padding other than zeros on the right, are refused
// by name. With do_normalize false, mean is 0 and std 0.5, which changes
// nothing. Resampler is hq, which is what librosa loads with; Channel is mean.
func ReadPreprocessor(path string) (FrontEnd, error) {
	file, err := os.Open(path)
	if err != nil {
		return FrontEnd{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPreprocessor+1))
	if err != nil {
		return FrontEnd{}, err
	}
	if len(text) > maxPreprocessor {
		return FrontEnd{}, &FormatError{File: path, What: fmt.Sprintf("is larger than %d bytes, want a preprocessor_config.json", maxPreprocessor)}
	}
	f, err := parsePreprocessor(text)
	if err != nil {
		return FrontEnd{}, inFile(err, path)
	}
	return f, nil
}

func parsePreprocessor(text []byte) (FrontEnd, error) {
	var p preprocessor
	if err := json.Unmarshal(text, &p); err != nil {
		return FrontEnd{}, &FormatError{What: "not a preprocessor_config.json", Err: err}
	}
	if err := p.check(); err != nil {
		return FrontEnd{}, err
	}
	f := FrontEnd{
		Kind:       KindAST,
		SampleRate: or(p.SamplingRate, 16000),
		MelBins:    or(p.NumMelBins, 128),
		Frames:     or(p.MaxLength, 1024),
		Mean:       or(p.Mean, -4.2677393),
		Std:        or(p.Std, 4.5689974),
	}
	if !or(p.DoNormalize, true) {
		f.Mean, f.Std = 0, 0.5
	}
	if err := f.Validate(); err != nil {
		return FrontEnd{}, err
	}
	return f.withDefaults(), nil
}

// check refuses what would make other features than AST's.
func (p *preprocessor) check() error {
	const hint = "this version reads the preprocessor of AST checkpoints (ASTFeatureExtractor)"
	refuse := func(format string, args ...any) error {
		return &UnsupportedError{What: fmt.Sprintf(format, args...), Hint: hint}
	}
	if p.Type == nil {
		return refuse("no feature_extractor_type, want ASTFeatureExtractor")
	}
	if *p.Type != "ASTFeatureExtractor" {
		return refuse("feature_extractor_type %q", *p.Type)
	}
	if v := or(p.FeatureSize, 1); v != 1 {
		return refuse("feature_size %d, want 1", v)
	}
	if v := or(p.PaddingValue, 0); v != 0 {
		return refuse("padding_value %g, want 0", v)
	}
	if v := or(p.PaddingSide, "right"); v != "right" {
		return refuse("padding_side %q, want right", v)
	}
	return nil
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
