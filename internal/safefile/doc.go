// Package safefile reads files whose names come from untrusted input, such as
// the external data of an ONNX model, and only below one folder.
//
// [OpenRoot] takes the folder, [Root.ReadRange] reads part of a file in it.
// Refused are absolute names, "..", symbolic links anywhere on the way, anything
// that is not a regular file, files with more than one hard link, and ranges
// that do not lie inside the file.
package safefile
