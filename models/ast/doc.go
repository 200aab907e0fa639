// Package ast recognises models with the Audio Spectrogram Transformer's input:
// one float32 tensor [batch, frames, mels] of log-mel features.
//
// [Recognise] takes any model; one with another input is refused with an error
// that says what its inputs are.
package ast
