// The SBOM scanner of the local cluster. It stands in for
// docker/buildkit-syft-scanner, which cannot be pulled there, and follows the same
// protocol: BuildKit's docs/attestations/sbom-protocol.md.
//
// It lists what dpkg lists in the scanned root, as an SPDX 2.3 document.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Package is one installed package, as a stanza of dpkg's status file has it.
type Package struct {
	Name, Version, Architecture, Maintainer string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scanner:", err)
		os.Exit(1)
	}
}

func run() error {
	source := os.Getenv("BUILDKIT_SCAN_SOURCE")
	destination := os.Getenv("BUILDKIT_SCAN_DESTINATION")
	if source == "" || destination == "" {
		return errors.New("BUILDKIT_SCAN_SOURCE and BUILDKIT_SCAN_DESTINATION must be set")
	}
	targets := []string{source}
	if extras := os.Getenv("BUILDKIT_SCAN_SOURCE_EXTRAS"); extras != "" {
		entries, err := os.ReadDir(extras)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			targets = append(targets, filepath.Join(extras, entry.Name()))
		}
	}
	for _, target := range targets {
		if err := scan(target, destination); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(target), err)
		}
	}
	return nil
}

func scan(root, destination string) error {
	packages, err := installed(root)
	if err != nil {
		return err
	}
	name := filepath.Base(root)
	content, err := json.MarshalIndent(statement(name, distribution(root), packages, created()), "", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d packages\n", name, len(packages))
	return os.WriteFile(filepath.Join(destination, name+".spdx.json"), append(content, '\n'), 0o644)
}

// installed reads dpkg's status file, and status.d, where images without dpkg keep
// one file a package. A root that has neither (scratch) holds no package.
func installed(root string) ([]Package, error) {
	files := []string{filepath.Join(root, "var/lib/dpkg/status")}
	folder := filepath.Join(root, "var/lib/dpkg/status.d")
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".md5sums") {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	var packages []Package
	for _, path := range files {
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		found, err := stanzas(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		packages = append(packages, found...)
	}
	return packages, nil
}

// stanzas returns the packages of a status file that are installed; a stanza
// without a Status, as in status.d, counts as installed.
func stanzas(reader io.Reader) ([]Package, error) {
	var packages []Package
	fields := map[string]string{}
	end := func() {
		status, has := fields["Status"]
		if fields["Package"] != "" && (!has || strings.HasSuffix(status, " installed")) {
			packages = append(packages, Package{
				fields["Package"], fields["Version"], fields["Architecture"], fields["Maintainer"],
			})
		}
		clear(fields)
	}
	scanner := bufio.NewScanner(reader)
	scanner.Buffer(nil, 1<<20) // a Depends line may be long
	for scanner.Scan() {
		line := scanner.Text()
		if line == "" {
			end()
		} else if key, value, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			fields[key] = strings.TrimSpace(value)
		}
	}
	end()
	return packages, scanner.Err()
}

// distribution is what a package URL calls it ("debian-13"), empty when unknown.
func distribution(root string) string {
	content, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return ""
	}
	values := map[string]string{}
	for _, line := range strings.Split(string(content), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			values[key] = strings.Trim(value, `"`)
		}
	}
	if values["ID"] == "" || values["VERSION_ID"] == "" {
		return ""
	}
	return values["ID"] + "-" + values["VERSION_ID"]
}

func created() time.Time {
	var seconds int64
	if _, err := fmt.Sscan(os.Getenv("SOURCE_DATE_EPOCH"), &seconds); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Now().UTC()
}

// object keeps the documents below readable; encoding/json sorts its keys.
type object = map[string]any

func statement(name, distribution string, packages []Package, created time.Time) object {
	return object{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"predicateType": "https://spdx.dev/Document",
		"subject":       []any{},
		"predicate":     document(name, distribution, packages, created),
	}
}

func document(name, distribution string, packages []Package, created time.Time) object {
	const root = "SPDXRef-DocumentRoot"
	listed := []object{{
		"SPDXID":                root,
		"name":                  name,
		"primaryPackagePurpose": "CONTAINER",
		"downloadLocation":      "NOASSERTION",
		"filesAnalyzed":         false,
		"licenseConcluded":      "NOASSERTION",
		"licenseDeclared":       "NOASSERTION",
		"copyrightText":         "NOASSERTION",
	}}
	relationships := []object{relationship("SPDXRef-DOCUMENT", "DESCRIBES", root)}
	hash := sha256.New()
	fmt.Fprintln(hash, name, created.UnixNano())
	for _, p := range packages {
		id := identifier(p)
		listed = append(listed, describe(p, id, distribution))
		relationships = append(relationships, relationship(root, "CONTAINS", id))
		fmt.Fprintln(hash, p)
	}
	return object{
		"spdxVersion":       "SPDX-2.3",
		"dataLicense":       "CC0-1.0",
		"SPDXID":            "SPDXRef-DOCUMENT",
		"name":              name,
		"documentNamespace": fmt.Sprintf("https://spdx.org/spdxdocs/slipway-test-scanner/%s-%x", url.PathEscape(name), hash.Sum(nil)),
		"creationInfo": object{
			"created":  created.Format(time.RFC3339),
			"creators": []string{"Tool: slipway-test-scanner"},
		},
		"packages":      listed,
		"relationships": relationships,
	}
}

func describe(p Package, id, distribution string) object {
	described := object{
		"SPDXID":                id,
		"name":                  p.Name,
		"versionInfo":           p.Version,
		"primaryPackagePurpose": "LIBRARY",
		"downloadLocation":      "NOASSERTION",
		"filesAnalyzed":         false,
		"licenseConcluded":      "NOASSERTION",
		"licenseDeclared":       "NOASSERTION",
		"copyrightText":         "NOASSERTION",
		"externalRefs": []object{{
			"referenceCategory": "PACKAGE-MANAGER",
			"referenceType":     "purl",
			"referenceLocator":  purl(p, distribution),
		}},
	}
	if p.Maintainer != "" {
		// dpkg writes "Name <mail>", SPDX "Name (mail)".
		described["supplier"] = "Organization: " + strings.NewReplacer("<", "(", ">", ")").Replace(p.Maintainer)
	}
	return described
}

func purl(p Package, distribution string) string {
	vendor, _, _ := strings.Cut(distribution, "-")
	if vendor == "" {
		vendor = "debian"
	}
	qualifiers := url.Values{"arch": {p.Architecture}}
	if distribution != "" {
		qualifiers.Set("distro", distribution)
	}
	// '+' and ':' of Debian versions are percent-encoded in a package URL.
	return fmt.Sprintf("pkg:deb/%s/%s@%s?%s", vendor, url.QueryEscape(p.Name), url.QueryEscape(p.Version), qualifiers.Encode())
}

// identifier: letters, digits, '.' and '-' only; libfoo:amd64 and libfoo:arm64 differ.
func identifier(p Package) string {
	clean := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r == '+':
			return 'p' // libstdc++ and libstdc-- must not meet
		}
		return '-'
	}
	return "SPDXRef-Package-deb-" + strings.Map(clean, p.Name+"-"+p.Architecture)
}

func relationship(from, kind, to string) object {
	return object{"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to}
}
