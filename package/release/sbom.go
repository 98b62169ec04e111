package release

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"fmt"
	"path"
	"runtime/debug"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/cistern-dev/cistern/package/build"
)

const (
	noAssertion = "NOASSERTION"
	// imageID and programID are the identifiers of the image and its program in a list of
	// contents. The modules have numbers, since their paths have characters that
	// identifiers may not have.
	imageID   = "Image"
	programID = "Program"
)

// sbom returns the list of what an image holds, in SPDX's format: the image, its program,
// and the modules that the program links with their licences. It is read from the
// program, not from go.mod, which also lists what only tests need.
func sbom(a architecture, o Options) ([]byte, error) {
	digest, err := a.img.Digest()
	if err != nil {
		return nil, fmt.Errorf("cannot read the digest of %s: %w", a.pkg.Name, err)
	}

	doc := &spdx.Document{
		SPDXVersion:    spdx.Version,
		DataLicense:    spdx.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   fmt.Sprintf("%s %s for linux/%s", a.pkg.Name, o.Version, a.name),
		// It must be unique, and need not lead anywhere.
		DocumentNamespace: build.Source + "/spdx/" + a.pkg.Name + "/" + digest.Hex,
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Organization", Creator: maintainer}},
			Created:  o.Time.UTC().Format(time.RFC3339),
		},
		Packages: []*spdx.Package{imagePackage(a, o, digest)},
	}
	relate(doc, "DOCUMENT", "DESCRIBES", imageID)

	if a.pkg.Program != "" {
		if err := addProgram(doc, a, o); err != nil {
			return nil, err
		}
	}

	var b bytes.Buffer
	if err := spdxjson.Write(doc, &b, spdxjson.Indent("  ")); err != nil {
		return nil, fmt.Errorf("cannot write the contents of %s: %w", a.pkg.Name, err)
	}

	return b.Bytes(), nil
}

// imagePackage returns the entry of an image.
func imagePackage(a architecture, o Options, digest v1.Hash) *spdx.Package {
	p := newPackage(imageID, a.pkg.Name, o.Version)
	p.PrimaryPackagePurpose = "CONTAINER"
	p.PackageLicenseDeclared = cmp.Or(a.licence, noAssertion)
	p.PackageSupplier = &common.Supplier{SupplierType: "Organization", Supplier: maintainer}
	p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: digest.Hex}}
	p.PackageExternalReferences = purl("pkg:oci/" + a.pkg.Name + "@sha256%3A" + digest.Hex + "?arch=" + a.name)

	return p
}

// addProgram adds the program of an image and the modules that it links.
func addProgram(doc *spdx.Document, a architecture, o Options) error {
	info, err := buildinfo.ReadFile(a.pkg.Program)
	if err != nil {
		return fmt.Errorf("cannot read what %q is built from: %w", a.pkg.Program, err)
	}

	p := newPackage(programID, path.Base(a.pkg.Program), o.Version)
	p.PrimaryPackagePurpose = "APPLICATION"
	p.PackageDownloadLocation = "git+" + build.Source + "@" + o.Commit
	p.PackageLicenseDeclared = "Apache-2.0"
	p.PackageExternalReferences = purl("pkg:golang/" + info.Main.Path + "@" + o.Version)

	doc.Packages = append(doc.Packages, p, standardLibrary(info))

	relate(doc, imageID, "CONTAINS", programID)
	relate(doc, programID, "STATIC_LINK", string(doc.Packages[2].PackageSPDXIdentifier))

	for i, m := range info.Deps {
		m, err := modulePackage(fmt.Sprintf("Module-%d", i+1), m)
		if err != nil {
			return err
		}

		doc.Packages = append(doc.Packages, m)
		relate(doc, programID, "STATIC_LINK", string(m.PackageSPDXIdentifier))
	}

	return nil
}

// standardLibrary returns the entry of Go's standard library.
func standardLibrary(info *debug.BuildInfo) *spdx.Package {
	version := strings.TrimPrefix(info.GoVersion, "go")
	p := newPackage("Module-std", "stdlib", version)
	p.PackageLicenseDeclared = "BSD-3-Clause"
	p.PackageExternalReferences = purl("pkg:golang/stdlib@" + version)

	return p
}

// modulePackage returns the entry of a module. Its checksum is that of go.sum, which is the
// hash of a list of hashes.
func modulePackage(id string, m *debug.Module) (*spdx.Package, error) {
	if m.Replace != nil {
		m = m.Replace
	}

	p := newPackage(id, m.Path, m.Version)
	p.PackageSourceInfo = "go.sum: " + m.Sum
	p.PackageExternalReferences = purl("pkg:golang/" + m.Path + "@" + m.Version)

	var err error
	p.PackageLicenseDeclared, err = licence(m.Path, m.Version)

	return p, err
}

// newPackage returns an entry of which nothing is asserted.
func newPackage(id, name, version string) *spdx.Package {
	return &spdx.Package{
		PackageSPDXIdentifier:     common.ElementID(id),
		PackageName:               name,
		PackageVersion:            version,
		PackageDownloadLocation:   noAssertion,
		IsFilesAnalyzedTagPresent: true,
		PackageLicenseConcluded:   noAssertion,
		PackageLicenseDeclared:    noAssertion,
		PackageCopyrightText:      noAssertion,
	}
}

// purl returns the reference by which scanners know a package.
func purl(url string) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url}}
}

func relate(doc *spdx.Document, from, relation, to string) {
	doc.Relationships = append(doc.Relationships, &spdx.Relationship{
		RefA:         common.MakeDocElementID("", from),
		RefB:         common.MakeDocElementID("", to),
		Relationship: relation,
	})
}
