// Package audio turns a recording into what an audio Transformer reads: it
// decodes WAV and FLAC, mixes to one channel, resamples, and computes the
// log-mel features of the Audio Spectrogram Transformer (AST).
//
// The first call to make is [FrontEnd.File], which does all of it:
//
//	frontEnd, err := audio.ReadPreprocessor("preprocessor_config.json")
//	features, err := frontEnd.File("dog.wav") // [Frames, MelBins], row by row
//
// For many files, make one [Extractor] per goroutine with
// [FrontEnd.NewExtractor] and call [Extractor.File]; it keeps its tables. The
// steps are there one by one too: [Decode] gives a [Clip] on a go-audio buffer,
// [Clip.Mono] mixes, [Resampler] changes the rate, [Fbank] gives the raw
// log-mel rows before padding and normalisation.
//
// Formats are told by content, never by file name. WAV may be 8 to 32 bit PCM,
// 32 or 64 bit float, A-law or µ-law, plain, extensible, RF64 or BW64, with
// finished or streaming sizes; FLAC may have 4 to 24 bits and every checksum is
// verified. Other formats are refused by name with an [UnsupportedError] that
// says how to convert, and a broken file with a [FormatError] that says where.
// Samples that are NaN or infinite are refused. Nothing is allocated because a
// header claims it: every size is held against the bytes that are there, and a
// clip of more than 2^28 samples (1 GiB) is refused.
package audio
