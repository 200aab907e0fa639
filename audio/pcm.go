package audio

import (
	"encoding/binary"
	"math"
)

// converter returns the function that turns stored samples into floats.
// Integers are divided by 2^(bits-1) of their container, as torchaudio and
// libsndfile do; every such quotient of at most 24 bits is exact in float32.
func (f *wavFormat) converter() func(dst []float32, src []byte) {
	switch {
	case f.tag == tagFloat && f.width == 4:
		return fromFloat32
	case f.tag == tagFloat:
		return fromFloat64
	case f.tag == tagALaw:
		return byTable(aLaw)
	case f.tag == tagMuLaw:
		return byTable(muLaw)
	}
	switch f.width {
	case 1:
		return fromUint8
	case 2:
		return fromInt16
	case 3:
		return fromInt24
	}
	return fromInt32
}

// fromUint8 reads WAV's only unsigned kind: 128 is zero.
func fromUint8(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int(src[i])-128) / (1 << 7)
	}
}

func fromInt16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int16(binary.LittleEndian.Uint16(src[2*i:]))) / (1 << 15)
	}
}

func fromInt24(dst []float32, src []byte) {
	for i := range dst {
		b := src[3*i : 3*i+3]
		// Built at the top of 32 bits, so that the shift back extends the sign.
		v := int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24) >> 8
		dst[i] = float32(v) / (1 << 23)
	}
}

func fromInt32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int32(binary.LittleEndian.Uint32(src[4*i:]))) / (1 << 31)
	}
}

func fromFloat32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// fromFloat64 rounds to float32; what overflows becomes infinite and is refused
// by the caller.
func fromFloat64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// byTable decodes one-byte codes that stand for 16-bit samples.
func byTable(decode func(byte) int) func(dst []float32, src []byte) {
	var table [256]float32
	for code := range table {
		table[code] = float32(decode(byte(code))) / (1 << 15)
	}
	return func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = table[src[i]]
		}
	}
}

// aLaw decodes ITU-T G.711 A-law to 16 bits. Even bits are stored inverted;
// then sign, 3 bits of exponent, 4 of mantissa, and half a step added.
func aLaw(code byte) int {
	code ^= 0x55
	v := int(code&0x0F)<<4 + 8
	if exponent := code >> 4 & 7; exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// muLaw decodes ITU-T G.711 µ-law to 16 bits. All bits are stored inverted;
// the bias of 33 (132 at this scale) that the encoder added is taken off.
func muLaw(code byte) int {
	code = ^code
	v := (int(code&0x0F)<<3+0x84)<<(code>>4&7) - 0x84
	if code&0x80 != 0 {
		return -v
	}
	return v
}

// firstNonFinite returns the index of the first NaN or infinity, or -1.
func firstNonFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 { // NaN for NaN and infinities, 0 for all else
			return i
		}
	}
	return -1
}
