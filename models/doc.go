// Package models says what family of audio models a graph belongs to, by its
// inputs' shapes and its structure, and what recordings must become to be its
// input. Each family is a sub-package with a Recognise function; see
// [github.com/aat-onnx/aat-onnx/models/ast].
package models

// Family is what a recognised model asks of its input.
type Family interface {
	// Name is the family's short name, such as "ast".
	Name() string
	// Accepts says whether features of frames × mels fit the model's input; the
	// error is a *graphsurgery.UnsupportedError with got and want.
	Accepts(frames, mels int) error
}
