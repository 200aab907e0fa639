package audio

// Extractor computes a front end's features. It keeps its tables, buffers and
// resampling filters between calls, so make one for each goroutine, use it for
// many clips, and never from two goroutines at once. Making one is cheap.
type Extractor struct {
	frontEnd  FrontEnd
	fbank     *fbank[float64]
	resampler Resampler
}

// NewExtractor validates the front end and prepares its tables.
func (f FrontEnd) NewExtractor() (*Extractor, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	f = f.withDefaults()
	quality, err := ParseQuality(f.Resampler)
	if err != nil {
		return nil, err
	}
	return &Extractor{
		frontEnd:  f,
		fbank:     newFbank[float64](FbankConfig{SampleRate: f.SampleRate, MelBins: f.MelBins}),
		resampler: Resampler{Quality: quality},
	}, nil
}

// FrontEnd returns the settings, defaults filled in.
func (e *Extractor) FrontEnd() FrontEnd { return e.frontEnd }

// Features computes the model input of a mono signal at the front end's rate:
// log-mel rows, cut to Frames or followed by rows of zeros, then normalised as
// (v-mean)/(2·std), zeros included. The result has Frames·MelBins values, row by
// row, and is the caller's. An empty signal or one with a NaN or infinity is a
// *FormatError; one shorter than a frame (25 ms) is filled up with zeros, which
// [FrontEnd.Fit] reports.
func (e *Extractor) Features(mono []float32) ([]float32, error) {
	if err := checkSignal(mono); err != nil {
		return nil, err
	}
	f := e.frontEnd
	out := make([]float32, f.Frames*f.MelBins)
	e.fbank.rows(out[:f.Fit(len(mono)).Frames*f.MelBins], mono)
	scale := 1 / (2 * f.Std)
	for i, v := range out {
		out[i] = float32((float64(v) - f.Mean) * scale)
	}
	return out, nil
}

// Clip mixes a clip to mono as the front end's Channel says, resamples it and
// computes its features.
func (e *Extractor) Clip(c *Clip) ([]float32, error) {
	mono, err := e.Mono(c)
	if err != nil {
		return nil, err
	}
	return e.Features(mono)
}

// Mono mixes a clip as the front end's Channel says and resamples it to the
// front end's rate: what [Extractor.Features] wants. The result may be the
// clip's own data.
func (e *Extractor) Mono(c *Clip) ([]float32, error) {
	mono := c.Mono()
	if e.frontEnd.Channel == "first" && c.Channels > 1 {
		mono = c.Channel(0)
	}
	return e.resampler.Resample(mono, c.Rate, e.frontEnd.SampleRate)
}

// File decodes a file and computes its features. Errors name the file.
func (e *Extractor) File(path string) ([]float32, error) {
	clip, err := DecodeFile(path)
	if err != nil {
		return nil, err
	}
	features, err := e.Clip(clip)
	if err != nil {
		return nil, inFile(err, path)
	}
	return features, nil
}

// File decodes one file, mixes, resamples and computes its features: Frames
// rows of MelBins values. For many files use one [Extractor].
func (f FrontEnd) File(path string) ([]float32, error) {
	e, err := f.NewExtractor()
	if err != nil {
		return nil, err
	}
	return e.File(path)
}
