package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"keyturn/internal/providers/declared"
)

// The parser of provider files is code, and no table: their shape is said again here. A test holds it against the parser,
// with every file that is known and thousands of broken ones, and against the tables of docs/providers/declared.md, which say
// what an editor shows of a field.

// declaredPage is the page of provider files.
const declaredPage = "docs/providers/declared.md"

var (
	text     = node{"type": "string", "minLength": 1}
	template = node{"type": []string{"string", "number", "boolean"}} // a text that may have slots
	scalar   = node{"type": []string{"string", "number", "boolean"}, "minLength": 1}
	flag     = node{"type": "boolean"}
	texts    = node{"type": []string{"array", "null"}, "items": text}
	oneText  = node{"anyOf": []node{text, {"type": "array", "items": text, "minItems": 1}}}
	slotted  = node{"type": []string{"object", "null"}, "additionalProperties": template}
)

func oneOf(values ...string) node { return node{"type": "string", "enum": values} }

func number(low, high int) node { return node{"type": "integer", "minimum": low, "maximum": high} }

// fields is an object that has these fields and no others, some of them always.
func fields(properties node, required ...string) node {
	o := node{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["type"], o["required"] = "object", required
	}
	return o
}

// exactly is an object that has one field out of several.
func exactly(properties node) node {
	o := fields(properties)
	o["type"], o["minProperties"], o["maxProperties"] = "object", 1, 1
	return o
}

// sourced says that an object names its source or is a guess.
func sourced(o node) node {
	o["oneOf"] = []node{{"required": []string{"source"}}, {"required": []string{"guessed"}}}
	return o
}

// providerFile is the schema of a file that describes a provider.
func providerFile(root string) (any, error) {
	meanings, err := readMeanings(filepath.Join(root, filepath.FromSlash(declaredPage)))
	if err != nil {
		return nil, err
	}
	class := fields(node{"min": number(0, 256), "min_distinct": number(0, 256)})
	whole := fields(node{
		"code": text, "name": text, "call": text, "doc": text,
		"sources":  node{"type": []string{"object", "null"}, "additionalProperties": text},
		"guessed":  node{"type": []string{"object", "null"}, "additionalProperties": text},
		"mode":     oneOf(declared.Modes()...),
		"keys":     node{"type": "array", "items": text, "minItems": 1},
		"endpoint": text, "rate": text, "quota_per": text, "username": template,
		"regions": node{"type": "array", "minItems": 1, "items": fields(node{"name": text, "endpoint": text, "smtp": text}, "name", "endpoint")},
		"smtp": mail(fields(node{"host": text, "port": number(1, 65535), "tls": oneOf("starttls", "implicit"), "username": oneOf("configured", "target")},
			"host", "port", "tls")),
		"pairs": flag, "sends_as": flag, "secret_in_url": flag,
		"rule": fields(node{
			"min_length": number(1, 256), "max_length": number(1, 256), "max_repeat": number(1, 256), "allowed_symbols": text,
			"digits": class, "lower": class, "upper": class, "symbols": class,
		}, "min_length", "max_length"),
		"target": fields(node{
			"form": text, "spelling": oneOf("text", "address", "domain"), "lower": texts, "max_length": number(1, 512), "says": text,
			"pass": node{"type": "object", "additionalProperties": text, "minProperties": 1},
			"fail": node{"type": "array", "minItems": 1},
		}, "form", "says", "pass", "fail"),
		"auth": authentication(),
		"set":  request(nil), "issue": request(nil),
		"mint":    request(node{"success": success(conditions())}, "success"),
		"list":    request(node{"success": success(conditions()), "call": text, "items": text, "id": text, "label": text}, "success", "call", "items", "id"),
		"disable": takesAway(), "enable": takesAway(), "retire": takesAway(),
		"shows": fields(node{"password": oneText, "synced": text, "echo": slotted, "id": oneText, "username": oneText, "derive": oneOf("ses-smtp")},
			"password"),
		"answer": fields(node{
			"decoder": oneOf("json", "xml", "form", "text"), "whole": oneText, "success": success(conditions(), "body"), "code": oneText,
			"request_id": oneText, "wait_header": text,
		}, "whole"),
		"errors":   node{"type": []string{"array", "null"}, "items": errorRow()},
		"examples": examples(),
	}, "code", "name", "call", "doc", "mode", "keys", "rate", "target", "auth", "answer", "examples")
	whole["oneOf"] = []node{{"required": []string{"endpoint"}}, {"required": []string{"regions"}}}
	whole["allOf"] = append(modes(), without("disable", declared.CallDisable), without("enable", declared.CallEnable), node{
		"if":   node{"required": []string{"enable"}},
		"then": node{"required": []string{"disable"}},
	})
	whole["$schema"], whole["title"] = dialect, "a provider of keyturn"
	describe(whole, meanings)
	return whole, nil
}

// modes are what a description has in each mode, and what it must not have.
func modes() []node {
	var all []node
	for _, mode := range []struct{ name, needs, wrong string }{
		{"setter", "set rule", "issue mint list disable enable retire shows username"},
		{"issuer", "issue shows", "set mint list disable enable retire rule username"},
		{"minter", "mint list retire shows", "set issue rule pairs sends_as"},
	} {
		wrong := node{}
		for name := range strings.FieldsSeq(mode.wrong) {
			wrong[name] = false
		}
		answer := node{"required": []string{"success"}}
		if mode.name == "minter" {
			answer = node{"properties": node{"success": false}}
			wrong["shows"] = node{"required": []string{"id"}}
		} else {
			wrong["smtp"] = node{"required": []string{"username"}}
		}
		wrong["answer"] = answer
		all = append(all, node{
			"if":   node{"required": []string{"mode"}, "properties": node{"mode": node{"const": mode.name}}},
			"then": node{"required": strings.Fields(mode.needs), "properties": wrong},
		})
	}
	return all
}

// without says that where a description has no such call, no example is of it.
func without(field, call string) node {
	calls := node{"items": node{"properties": node{"call": node{"not": node{"const": call}}}}}
	return node{
		"if":   node{"not": node{"required": []string{field}}},
		"then": node{"properties": node{"examples": node{"properties": node{"requests": calls, "answers": calls}}}},
	}
}

func authentication() node {
	value := func(names ...string) node {
		properties := node{}
		for _, name := range names {
			properties[name] = template
		}
		return fields(properties, names...)
	}
	name := fields(node{"name": text, "value": template}, "name", "value")
	return exactly(node{
		"basic": value("user", "password"), "bearer": template, "header": name, "query": name,
		"sigv4": value("id", "secret", "region", "service"), "tc3": value("id", "secret", "service"), "acs3": value("id", "secret"),
	})
}

// request is what is sent, with what else a call of a minter says.
func request(beside node, required ...string) node {
	properties := node{
		"method": oneOf("POST", "PUT", "PATCH", "GET", "DELETE"), "path": template, "query": slotted, "headers": slotted,
		"form": slotted, "json": node{"type": "object"}, "numbers": texts, "multipart": slotted,
	}
	maps.Copy(properties, beside)
	return fields(properties, append([]string{"method", "path"}, required...)...)
}

// takesAway is a call about an identity that is of no use any more.
func takesAway() node {
	return request(node{"success": success(node{"anyOf": []node{oneOf("none"), conditions()}}), "call": text}, "success", "call")
}

// mail is a provider's mail server, or the word that there is none to log in to.
func mail(server node) node {
	return node{"anyOf": []node{oneOf("none"), server}}
}

func success(body node, required ...string) node {
	status := number(200, 299)
	return fields(node{"status": node{"anyOf": []node{status, {"type": "array", "items": status}}}, "body": body}, append([]string{"status"}, required...)...)
}

func conditions() node {
	either := exactly(node{"is": scalar, "in": node{"type": []string{"array", "null"}, "items": scalar}})
	return node{"type": []string{"object", "null"}, "additionalProperties": node{"anyOf": []node{oneOf("given", "absent"), either}}}
}

func errorRow() node {
	return sourced(fields(node{
		"call": oneOf(declared.CallMint, declared.CallList, declared.CallRetire), "code": scalar, "status": number(200, 599), "text": text,
		"kind": oneOf("in doubt", "rate limited", "repeat", "rejected", "unauthorized", "target", "full", "gone", "clock skew"),
		"hint": text, "source": text, "guessed": node{"const": true},
	}, "kind", "hint"))
}

func examples() node {
	call := oneOf(declared.CallMint, declared.CallList, declared.CallDisable, declared.CallEnable, declared.CallRetire)
	return fields(node{
		"requests": node{"type": "array", "minItems": 1, "items": fields(node{
			"call": call, "target": text, "region": text, "password": text, "id": text, "sends": text,
		}, "target", "sends")},
		"answers": node{"type": "array", "minItems": 1, "items": sourced(fields(node{
			"call": call, "status": number(200, 599), "headers": node{"type": []string{"object", "null"}, "additionalProperties": scalar}, "body": node{"type": "string"}, "wait": text, "shows": text, "id": text,
			"means":    oneOf("success", "in doubt", "rate limited", "repeat", "rejected", "unauthorized", "target", "full", "clock skew"),
			"username": text, "lists": texts, "source": text, "guessed": node{"const": true},
		}, "status", "means"))},
	}, "requests", "answers")
}

// describe puts what the page says of a field beside its shape.
func describe(whole node, meanings map[string]map[string]string) {
	put := func(o node, table string) {
		properties := o["properties"].(node) //nolint:forcetypeassert // of an object
		for name, meaning := range meanings[table] {
			if shape, ok := properties[name].(node); ok {
				shape = maps.Clone(shape)
				shape["description"] = meaning
				properties[name] = shape
			}
		}
	}
	put(whole, "Fields")
	properties := whole["properties"].(node) //nolint:forcetypeassert // of an object
	for _, part := range []string{"target", "answer"} {
		put(properties[part].(node), part) //nolint:forcetypeassert // of an object
	}
}

var (
	sectionLine = regexp.MustCompile("^#+ `?([A-Za-z]+)`?$")
	fieldRow    = regexp.MustCompile("^\\| ((?:`[a-z_]+`(?:, )?)+) \\| (.+) \\|$")
)

// readMeanings reads the tables of a page whose first column names fields, by their headings.
func readMeanings(file string) (map[string]map[string]string, error) {
	page, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all, under := map[string]map[string]string{}, ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			under = m[1]
			all[under] = map[string]string{}
		}
		m := fieldRow.FindStringSubmatch(line)
		if m == nil || under == "" {
			continue
		}
		for name := range strings.SplitSeq(m[1], ", ") {
			all[under][strings.Trim(name, "`")] = link.ReplaceAllString(m[2], "$1")
		}
	}
	if len(all["Fields"]) == 0 {
		return nil, fmt.Errorf("%s has no table of fields", file)
	}
	return all, nil
}
