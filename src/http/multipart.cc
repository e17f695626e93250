#include "http/multipart.h"

#include <strings.h>

#include <optional>
#include <restinio/helpers/http_field_parsers/content-disposition.hpp>
#include <restinio/helpers/http_field_parsers/content-type.hpp>
#include <restinio/helpers/multipart_body.hpp>

namespace mimeme {
namespace {

namespace fields = restinio::http_field_parsers;

// Browsers write these three as %XX in a name, and nothing else (WHATWG HTML, "multipart/form-data
// encoding algorithm").
std::string unescaped(std::string text) {
  for (const auto& [code, character] : {std::pair{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}})
    for (size_t at = 0; (at = text.find(code, at)) != text.npos; ++at)
      text.replace(at, 3, 1, character);
  return text;
}

template <typename Parameters>
std::optional<std::string> find(const Parameters& parameters, restinio::string_view_t name) {
  const auto value = fields::find_first(parameters, name);
  if (!value) return std::nullopt;
  return std::string(value->data(), value->size());
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  const std::string kForm = "multipart/form-data";
  if (strcasecmp(std::string(content_type.substr(0, kForm.size())).c_str(), kForm.c_str()) != 0)
    return Error{ErrorCode::kUnsupported,
                 "send a form (multipart/form-data) whose parts `file` are the pictures"};
  const auto type =
      fields::content_type_value_t::try_parse({content_type.data(), content_type.size()});
  const auto boundary = type ? find(type->media_type.parameters, "boundary") : std::nullopt;
  if (!boundary || boundary->empty())
    return Error{ErrorCode::kInvalidArgument, "the form's Content-Type names no boundary"};
  const auto texts =
      restinio::multipart_body::split_multipart_body({body.data(), body.size()}, "--" + *boundary);
  if (texts.empty())
    return Error{ErrorCode::kInvalidArgument, "the form has no parts, or ends early"};
  std::vector<FormPart> parts;
  for (const auto& text : texts) {
    const auto part = restinio::multipart_body::try_parse_part(text);
    const auto header = part ? part->fields.opt_value_of("Content-Disposition") : std::nullopt;
    const auto disposition = header
                                 ? fields::content_disposition_value_t::try_parse(*header)
                                 : restinio::make_unexpected(restinio::easy_parser::parse_error_t{
                                       0, restinio::easy_parser::error_reason_t::unexpected_eof});
    const auto name = disposition ? find(disposition->parameters, "name") : std::nullopt;
    if (!name) return Error{ErrorCode::kInvalidArgument, "a part of the form says no name"};
    parts.push_back({.name = *name,
                     .file_name = unescaped(find(disposition->parameters, "filename").value_or("")),
                     .body = {part->body.data(), part->body.size()}});
  }
  return parts;
}

}  // namespace mimeme
