#!/bin/sh
# Makes the recordings of this folder: FLAC files and WAV files that hold the
# same samples, written by the reference programs flac (1.4.2) and sox (14.4.2).
#
#   sh gen.sh
#
# -D and -R: no dither and a fixed random seed, so that every run is the same.
set -eu
cd "$(dirname "$0")"

for bits in 8 16 24; do
  sox -D -R -n -r 16000 -c 1 -b $bits mono$bits.wav synth 0.05 sine 440 synth 0.05 pinknoise mix vol 0.9
  # Two related channels, so that the encoder codes their difference.
  sox -D -R -n -r 44100 -c 2 -b $bits stereo$bits.wav synth 0.02 sine 440 sine 445 vol 0.8
done
for wav in mono*.wav stereo*.wav; do
  flac --silent --force --best --no-padding --tag=TITLE=test -o "${wav%.wav}.flac" "$wav"
done

# Several frames, the last one short; and digital silence.
sox -D -R -n -r 8000 -c 1 -b 16 frames.wav synth 0.2 sine 100-3000 vol 0.5
flac --silent --force --blocksize=576 --no-padding -o frames.flac frames.wav
sox -D -R -n -r 8000 -c 1 -b 16 silent.wav trim 0 0.05
flac --silent --force --no-padding -o silent.flac silent.wav

# 24 kHz, two frames: the Go library would print a line for each.
sox -D -R -n -r 24000 -c 2 -b 16 rate24k.wav synth 0.0625 sine 440 sine 300-900 vol 0.5
flac --silent --force --blocksize=1152 --no-padding -o rate24k.flac rate24k.wav

# 12 bits at the top of 16, in an extensible WAV header; flac codes 12.
bytes() { xargs -0 printf; }
{
  printf 'RIFF\214\003\000\000WAVEfmt \050\000\000\000\376\377\001\000\100\037\000\000\200\076\000\000\002\000\020\000'
  printf '\026\000\014\000\004\000\000\000\001\000\000\000\000\000\020\000\200\000\000\252\000\070\233\161data\120\003\000\000'
  sox -D frames.wav -t raw -e signed -b 16 - trim 0 424s | od -An -v -t d2 | awk '{ for (i = 1; i <= NF; i++) {
    v = $i + 65536; v = (v - v % 16) % 65536; printf "\\%03o\\%03o", v % 256, int(v / 256) } }' | bytes
} > bits12.wav
flac --silent --force --no-padding -o bits12.flac bits12.wav

# Written to a pipe: neither length nor MD5 in the header.
flac --silent --stdout --no-seektable --no-padding mono16.wav | cat > piped.flac

# 32 bits: valid FLAC, refused here.
sox -D -R -n -r 8000 -c 1 -b 32 bits32.wav synth 0.01 sine 440 vol 0.5
flac --silent --force --no-padding -o bits32.flac bits32.wav
rm bits32.wav

# G.711: every code once, and sox's own decoding of them.
awk 'BEGIN { for (i = 0; i < 256; i++) printf "\\%03o", i }' | bytes > codes.raw
for law in a-law mu-law; do
  sox -t raw -r 8000 -c 1 -b 8 -e $law codes.raw -e $law $law.wav
  sox -D $law.wav -e signed -b 16 $law-twin.wav
done
rm codes.raw
