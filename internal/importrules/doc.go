// Package importrules holds no code: its test is the table of who may import
// whom (design.md, "Packages"). The idea is the Go standard library's own
// dependency test. A change of the table needs an entry in docs/rationale.md.
package importrules
