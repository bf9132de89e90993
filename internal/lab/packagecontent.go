//go:build linux

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// repomd is a repository's index as createrepo_c writes it. The same age gives the same bytes for as long as the world stands:
// a metalink names their checksum.
func (w *world) repomd(age time.Duration) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>%[1]d</revision>
  <data type="primary">
    <checksum type="sha256">%[2]s</checksum>
    <open-checksum type="sha256">%[2]s</open-checksum>
    <location href="repodata/primary.xml.gz"/>
    <timestamp>%[1]d</timestamp>
    <size>12345</size>
    <open-size>123456</open-size>
  </data>
  <data type="filelists">
    <checksum type="sha256">%[2]s</checksum>
    <location href="repodata/filelists.xml.gz"/>
    <timestamp>%[1]d</timestamp>
    <size>12345</size>
  </data>
  <data type="updateinfo">
    <checksum type="sha256">%[2]s</checksum>
    <location href="repodata/updateinfo.xml.gz"/>
    <timestamp>%[1]d</timestamp>
    <size>1234</size>
  </data>
</repomd>
`, w.started.Add(-age).Unix(), repoGUID)
}

// mirrorList is a list of mirrors, in the form of the server that keeps it.
func (w *world) mirrorList(request *http.Request, server packageServer, mode string) (kind string, body []byte) {
	query := request.URL.Query()
	var bases []string
	switch server.service {
	case "epel":
		if query.Get("repo") != "epel-9" || query.Get("arch") != "x86_64" {
			return "text/plain", fmt.Appendf(nil, "# repo = %s arch = %s error: invalid repo or arch\n", query.Get("repo"), query.Get("arch"))
		}
		for _, mirror := range []string{"mirror.one.example.net", "mirror.two.example.net", "dl.fedoraproject.org"} {
			bases = append(bases, "https://"+mirror+"/pub/epel/9/Everything/x86_64/")
		}
		if strings.HasSuffix(request.URL.Path, "metalink") {
			return "application/metalink+xml", w.metalink(bases, mode)
		}
	case "rocky":
		repo, release, _ := strings.Cut(query.Get("repo"), "-")
		if release != "9" || query.Get("arch") != "x86_64" {
			return "text/plain", []byte("# no such repository\n")
		}
		for _, mirror := range []string{"rocky.one.example.net", "dl.rockylinux.org"} {
			bases = append(bases, "https://"+mirror+"/pub/rocky/9/"+repo+"/x86_64/os/")
		}
	case "rhui":
		for _, n := range []string{"01", "02"} {
			bases = append(bases, w.fill("https://rhui4-cds"+n+".${REGION}.aws.ce.redhat.com")+strings.Replace(request.URL.Path, "/mirror/", "/content/", 1)+"/")
		}
	case "amazon-cdn":
		bases = []string{"https://cdn.amazonlinux.com/al2023/core/guids/" + repoGUID + "/x86_64/"}
	}
	if mode == "no-mirrors" {
		return "text/plain", []byte("# no mirror serves this release any more\n")
	}
	return "text/plain", []byte(strings.Join(bases, "\n") + "\n")
}

// metalink is a list of mirrors with the checksum of what they should have, as Fedora's servers write it.
func (w *world) metalink(bases []string, mode string) []byte {
	if mode == "metalink-garbage" {
		return []byte("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<metalink version=\"3.0\"><files><file name=\"repomd.xml\"><mtime>yesterday</resources>")
	}
	const age = 30 * time.Hour
	index := w.repomd(age)
	sum := sha256.Sum256(index)
	var urls strings.Builder
	for i, base := range bases {
		if mode == "no-mirrors" {
			break
		}
		fmt.Fprintf(&urls, "      <url protocol=\"https\" type=\"https\" location=\"US\" preference=\"%d\">%srepodata/repomd.xml</url>\n", 100-i, base)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="%s" generator="mirrormanager" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>%d</mm0:timestamp>
   <size>%d</size>
   <verification>
    <hash type="sha256">%s</hash>
   </verification>
   <resources maxconnections="1">
%s   </resources>
  </file>
 </files>
</metalink>
`, w.started.UTC().Format(http.TimeFormat), w.started.Add(-age).Unix(), len(index), hex.EncodeToString(sum[:]), urls.String())
}

// release is an apt repository's index, inside a signature's frame if it is InRelease. Nothing in the lab verifies signatures.
// Debian's have an end, but for the stable release itself; Ubuntu's have none.
func (w *world) release(dir string, age time.Duration, signed bool) []byte {
	suite := path.Base(dir)
	made := w.started.Add(-age).UTC()
	const form = "Mon, 02 Jan 2006 15:04:05"
	codename, _, ends := strings.Cut(suite, "-")
	var out strings.Builder
	if signed {
		out.WriteString("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n")
	}
	origin := "Ubuntu"
	if codename == "bookworm" {
		origin = "Debian"
	}
	fmt.Fprintf(&out, "Origin: %[1]s\nLabel: %[1]s\nSuite: %[2]s\nCodename: %[3]s\nDate: %[4]s UTC\n", origin, suite, codename, made.Format(form))
	if ends && origin == "Debian" {
		fmt.Fprintf(&out, "Valid-Until: %s UTC\n", made.AddDate(0, 0, 7).Format(form))
	}
	out.WriteString("Acquire-By-Hash: yes\nArchitectures: all amd64 arm64\nComponents: main universe restricted multiverse\nSHA256:\n")
	for _, file := range []string{"main/binary-amd64/Packages.xz", "main/binary-all/Packages.xz", "main/i18n/Translation-en.xz"} {
		fmt.Fprintf(&out, " %s %d %s\n", repoGUID, 12345, file)
	}
	if signed {
		out.WriteString("-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEElab0signature0that0nobody0verifies0000000000\n=lab0\n-----END PGP SIGNATURE-----\n")
	}
	return []byte(out.String())
}
