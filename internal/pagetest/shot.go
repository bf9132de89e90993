package pagetest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tall is the height of the window in pixels: above any page; what is below its end is
// cut off.
const tall = 3600

// margin is what stays below the last line, in pixels.
const margin = 24

// Take takes a picture into a folder.
func Take(s Shot, dir string) error {
	site, err := Serve(s.Report())
	if err != nil {
		return err
	}
	defer site.Close()
	img, err := steady(s, site.URL)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, Reduce(crop(img))); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, s.Name+".png"), out.Bytes(), 0o644)
}

// steady takes pictures until two are the same: on a busy machine the browser now and
// then takes one before all of the page is drawn.
func steady(s Shot, url string) (image.Image, error) {
	tmp, err := os.MkdirTemp("", "agentctl-shot-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	file := filepath.Join(tmp, "page.png")
	var last []byte
	for range 6 {
		scheme := map[bool]int{true: 0, false: 1}[s.Dark]
		_, log, err := Run(url, "--screenshot="+file, fmt.Sprintf("--window-size=%d,%d", s.Width, tall), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme))
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(log))
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(data, last) {
			return png.Decode(bytes.NewReader(data))
		}
		last = data
	}
	return nil, fmt.Errorf("no two of six pictures are the same")
}

// crop cuts off the empty space below the page.
func crop(img image.Image) image.Image {
	b := img.Bounds()
	ground := img.At(b.Min.X, b.Max.Y-1)
	end := b.Max.Y
	for ; end > b.Min.Y+1; end-- {
		if slices.ContainsFunc(columns(b), func(x int) bool { return img.At(x, end-1) != ground }) {
			break
		}
	}
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), min(end+margin, b.Max.Y)-b.Min.Y))
	for y := range out.Rect.Dy() {
		for x := range b.Dx() {
			out.Set(x, y, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}

func columns(b image.Rectangle) []int {
	out := make([]int, 0, b.Dx())
	for x := b.Min.X; x < b.Max.X; x++ {
		out = append(out, x)
	}
	return out
}

// paletteSize is how many colours a picture keeps: the page has few, and the edges of
// its letters need no more.
const paletteSize = 128

// apart is from where on two colours are told apart (squared distance of 8-bit red,
// green and blue): such a colour keeps its place however rare it is, for amber must
// not become red.
const apart = 40 * 40

// Reduce gives each pixel the nearest of few colours, which makes the file a third.
func Reduce(img image.Image) *image.Paletted {
	b := img.Bounds()
	count := map[color.RGBA]int{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[rgba(img.At(x, y))]++
		}
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return int(a.R)<<16 + int(a.G)<<8 + int(a.B) - int(b.R)<<16 - int(b.G)<<8 - int(b.B)
	})
	palette := choose(all)
	near := map[color.RGBA]uint8{}
	for _, c := range all {
		near[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(image.Rect(0, 0, b.Dx(), b.Dy()), palette)
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.SetColorIndex(x, y, near[rgba(img.At(b.Min.X+x, b.Min.Y+y))])
		}
	}
	return out
}

// choose picks a palette from colours in the order of their frequency: those that
// differ from all before them, then the most frequent ones.
func choose(all []color.RGBA) color.Palette {
	var palette color.Palette
	chosen := map[color.RGBA]bool{}
	for _, least := range []int{apart, 1} {
		for _, c := range all {
			if len(palette) < paletteSize && !chosen[c] && !slices.ContainsFunc(palette, func(p color.Color) bool { return distance(rgba(p), c) < least }) {
				chosen[c] = true
				palette = append(palette, c)
			}
		}
	}
	return palette
}

func distance(a, b color.RGBA) int {
	r, g, bl := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return r*r + g*g + bl*bl
}

func rgba(c color.Color) color.RGBA { return color.RGBAModel.Convert(c).(color.RGBA) }
