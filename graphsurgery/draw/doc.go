// Package draw renders a graph as DOT and as SVG, frozen parts grey and added
// parts coloured.
package draw
