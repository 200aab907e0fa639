package audio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// KindAST is the front end of the Audio Spectrogram Transformer.
const KindAST = "ast"

// FrontEnd says how a recording becomes a model's input. It travels with the
// model, as JSON in the ONNX metadata, because a model trained on one front end
// is wrong on another.
type FrontEnd struct {
	Kind       string  `json:"kind"`        // "ast"
	SampleRate int     `json:"sample_rate"` // Hz
	MelBins    int     `json:"mel_bins"`    // columns of the input
	Frames     int     `json:"frames"`      // rows of the input: longer clips are cut, shorter ones padded with zero rows
	Mean       float64 `json:"mean"`        // subtracted from every cell, padding included
	Std        float64 `json:"std"`         // every cell is divided by twice this
	Resampler  string  `json:"resampler"`   // "hq" or "sinc"; empty means hq
	Channel    string  `json:"channel"`     // "mean" of all channels or the "first"; empty means mean
}

// maxFeatureFrames bounds the rows of an input: eleven minutes.
const maxFeatureFrames = 1 << 16

// Validate says what is wrong with the settings, as an *UnsupportedError, or
// returns nil.
func (f FrontEnd) Validate() error {
	if f.Kind != KindAST {
		return &UnsupportedError{What: fmt.Sprintf("front end kind %q, want %q", f.Kind, KindAST)}
	}
	fbank := FbankConfig{SampleRate: f.SampleRate, MelBins: f.MelBins}
	if err := fbank.check(); err != nil {
		return err
	}
	if f.Frames < 1 || f.Frames > maxFeatureFrames {
		return &UnsupportedError{What: fmt.Sprintf("front end of %d frames, want 1 to %d", f.Frames, maxFeatureFrames)}
	}
	if math.IsNaN(f.Mean) || math.IsInf(f.Mean, 0) || !(f.Std > 0) || math.IsInf(f.Std, 0) {
		return &UnsupportedError{What: fmt.Sprintf("front end mean %g and std %g, want finite numbers and std above 0", f.Mean, f.Std)}
	}
	if _, err := ParseQuality(f.Resampler); err != nil {
		return err
	}
	switch f.Channel {
	case "", "mean", "first":
		return nil
	}
	return &UnsupportedError{What: fmt.Sprintf("front end channel %q", f.Channel), Hint: "use mean or first"}
}

// withDefaults spells out what an empty field means.
func (f FrontEnd) withDefaults() FrontEnd {
	if f.Resampler == "" {
		f.Resampler = HQ.String()
	}
	if f.Channel == "" {
		f.Channel = "mean"
	}
	return f
}

// ParseFrontEnd reads the JSON form and validates it. A field it does not know
// is refused: it would change the features in a way this version cannot follow.
func ParseFrontEnd(text []byte) (FrontEnd, error) {
	var f FrontEnd
	if err := json.Unmarshal(text, &f); err != nil {
		return FrontEnd{}, &FormatError{What: "front end settings", Err: err}
	}
	if err := f.Validate(); err != nil {
		return FrontEnd{}, err
	}
	return f, nil
}

// plain has FrontEnd's fields without its methods.
type plain FrontEnd

// MarshalJSON writes all fields, those left empty with their meaning.
func (f FrontEnd) MarshalJSON() ([]byte, error) {
	return json.Marshal(plain(f.withDefaults()))
}

// UnmarshalJSON reads the JSON form strictly: unknown fields are refused. It
// does not validate; [ParseFrontEnd] does.
func (f *FrontEnd) UnmarshalJSON(text []byte) error {
	var p plain
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("text after the front end settings")
	}
	*f = FrontEnd(p).withDefaults()
	return nil
}

// MarshalText returns the validated JSON form, for a model's metadata.
func (f FrontEnd) MarshalText() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return f.MarshalJSON()
}

// UnmarshalText is [ParseFrontEnd].
func (f *FrontEnd) UnmarshalText(text []byte) error {
	parsed, err := ParseFrontEnd(text)
	if err == nil {
		*f = parsed
	}
	return err
}

// Fit says how a clip fills a model's input.
type Fit struct {
	Frames int  // rows computed from the clip
	Padded int  // zero rows appended, before normalisation
	Cut    int  // rows at the clip's end that the model does not see
	Short  bool // less than one frame: the clip was filled up with zeros
}

// Fit tells how a clip of so many samples at f.SampleRate fills the input. The
// front end must be valid.
func (f FrontEnd) Fit(samples int) Fit {
	cfg := FbankConfig{SampleRate: f.SampleRate, MelBins: f.MelBins}
	have := cfg.frames(samples)
	rows := min(have, f.Frames)
	return Fit{Frames: rows, Padded: f.Frames - rows, Cut: have - rows, Short: samples < cfg.frameLength()}
}
