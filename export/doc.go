// Package export turns a trained run into files that deploy, and checks them in
// a second runtime.
//
// Start with [Fused]: it writes one ONNX file with the trained adapters inside,
// and the labels and the front end in its metadata. [Verify] then runs the same
// real inputs through GoMLX and through ONNX Runtime and reports the largest
// difference of the logits and whether both name the same class.
//
// A file is written whole or not at all; an existing one is replaced only with
// Options.Force.
package export
