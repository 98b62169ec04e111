package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// chromiumPackages provide headless Chromium, a font, and the libraries that a Debian
// without a desktop lacks.
var chromiumPackages = []string{
	"chromium-headless-shell", "chromium-common", "fonts-dejavu-core",
	"libapparmor1", "libasound2", "libasyncns0", "libatk1.0-0", "libatspi2.0-0", "libblkid1", "libbrotli1", "libbsd0", "libcap2",
	"libdav1d6", "libdbus-1-3", "libdouble-conversion3", "libdrm2", "libexpat1", "libffi8", "libflac12", "libfontconfig1",
	"libfreetype6", "libgbm1", "libgcrypt20", "libglib2.0-0", "libgpg-error0", "libgraphite2-3", "libharfbuzz-subset0",
	"libharfbuzz0b", "libjpeg62-turbo", "liblz4-1", "liblzma5", "libmd0", "libminizip1", "libmount1", "libmp3lame0", "libmpg123-0",
	"libnspr4", "libnss3", "libogg0", "libopenh264-7", "libopus0", "libpcre2-8-0", "libpng16-16", "libpulse0", "libselinux1",
	"libsndfile1", "libsystemd0", "libudev1", "libvorbis0a", "libvorbisenc2", "libwayland-server0", "libx11-6", "libx11-xcb1",
	"libxau6", "libxcb1", "libxcomposite1", "libxdamage1", "libxdmcp6", "libxext6", "libxfixes3", "libxi6", "libxkbcommon0",
	"libxnvctrl0", "libxrandr2", "libxrender1", "libzstd1", "zlib1g",
}

// Chromium is a headless web browser.
type Chromium struct {
	// Path is the executable.
	Path string
	// Env are the environment variables that it needs. It keeps its profile in the
	// directory that its argument --user-data-dir names.
	Env []string
}

// DebianChromium returns headless Chromium, unpacked from Debian packages into the cache. It
// returns ErrMissing on a machine that is not a Debian 12: the names of its libraries have
// versions.
func DebianChromium(ctx context.Context, out io.Writer) (Chromium, error) {
	if err := wantDebian12(); err != nil {
		return Chromium{}, err
	}

	dir, err := cachedPackages(ctx, out, "chromium", "Chromium, headless (Debian)", writeFonts)
	if err != nil {
		return Chromium{}, fmt.Errorf("cannot get Chromium from Debian packages: %w", err)
	}

	libraries, err := filepath.Glob(filepath.Join(dir, "usr/lib/*-linux-gnu*"))
	if err != nil || len(libraries) != 1 {
		return Chromium{}, fmt.Errorf("cannot find the libraries of the Debian packages in %s", dir)
	}

	lib := libraries[0]

	return Chromium{
		Path: filepath.Join(dir, "usr/lib/chromium/chromium-headless-shell"),
		Env: []string{
			// Before usr-merge, libraries of the base system were in /lib.
			"LD_LIBRARY_PATH=" + lib + ":" + lib + "/pulseaudio:" + lib + "/nss:" + filepath.Join(dir, "lib", filepath.Base(lib)),
			"FONTCONFIG_FILE=" + filepath.Join(dir, "fonts.conf"),
		},
	}, nil
}

// writeFonts configures the unpacked fonts, and no others: pages then look the same on every
// machine.
func writeFonts(dir string) error {
	const config = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`
	if err := os.WriteFile(filepath.Join(dir, "fonts.conf"), []byte(config), 0o644); err != nil {
		return fmt.Errorf("cannot configure fonts: %w", err)
	}

	return nil
}
