// Package passes holds whole-model transformations as values: each has a name, a
// description, what it requires and what it ensures.
package passes
