#include "ops/op_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += concat(all.empty() ? "" : ", ", text);
  return all;
}

// As a person writes it: 0.5, not 0.500000.
std::string told(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string told(const OpOptions::Value& value) {
  struct {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return told(number); }
    std::string operator()(const std::string& text) const { return pyserver::quoted(text); }
    std::string operator()(const std::vector<double>& list) const { return concat("a list of ", list.size()); }
    std::string operator()(const std::vector<std::string>& list) const { return concat("a list of ", list.size()); }
  } tell;
  return std::visit(tell, value);
}

// The value of "1/255"; NaN for a text that is no fraction.
double fraction(std::string_view text) {
  const auto read = [](std::string_view digits) {
    double number = std::nan("");
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size() ? number : std::nan("");
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nan("");
  return read(text.substr(0, slash)) / read(text.substr(slash + 1));
}

std::string option_name(std::string_view name) { return name.empty() ? "its option" : pyserver::quoted(name); }

}  // namespace

OpOptions::OpOptions(std::map<std::string, Value, std::less<>> values, std::vector<std::string> folders)
    : values_(std::move(values)), folders_(std::move(folders)) {}

void OpOptions::main_option(std::string_view name) {
  const auto found = values_.find("");
  if (found == values_.end()) return;
  Value value = std::move(found->second);
  values_.erase(found);
  if (!values_.emplace(name, std::move(value)).second) refuse(name, "given twice");
}

bool OpOptions::has(std::string_view name) const { return values_.contains(name); }

std::optional<OpOptions::Value> OpOptions::take(std::string_view name) {
  known_.emplace_back(name);
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  Value value = std::move(found->second);
  values_.erase(found);
  return value;
}

bool OpOptions::flag(std::string_view name, bool otherwise) {
  const std::optional<Value> value = take(name);
  if (!value) return otherwise;
  if (const bool* flag = std::get_if<bool>(&*value)) return *flag;
  refuse(name, concat("expected true or false, got ", told(*value)));
  return otherwise;
}

std::int64_t OpOptions::integer(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  return maybe_integer(name, least, most).value_or(otherwise);
}

std::optional<std::int64_t> OpOptions::maybe_integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const std::optional<Value> value = take(name);
  if (!value) return std::nullopt;
  const std::int64_t* number = std::get_if<std::int64_t>(&*value);
  if (number != nullptr && *number >= least && *number <= most) return *number;
  refuse(name, concat("expected a whole number from ", least, " to ", most, ", got ", told(*value)));
  return std::nullopt;
}

double OpOptions::number(std::string_view name, double otherwise, double least, double most) {
  const std::optional<Value> value = take(name);
  if (!value) return otherwise;
  double number = std::nan("");
  if (const double* real = std::get_if<double>(&*value)) number = *real;
  if (const std::int64_t* whole = std::get_if<std::int64_t>(&*value)) number = static_cast<double>(*whole);
  if (const std::string* text = std::get_if<std::string>(&*value)) number = fraction(*text);
  if (number >= least && number <= most) return number;
  refuse(name, concat("expected a number from ", told(least), " to ", told(most), ", got ", told(*value)));
  return otherwise;
}

std::vector<double> OpOptions::numbers(std::string_view name, std::vector<double> otherwise) {
  std::optional<Value> value = take(name);
  if (!value) return otherwise;
  if (auto* list = std::get_if<std::vector<double>>(&*value)) {
    if (std::ranges::all_of(*list, [](double number) { return std::isfinite(number); })) return std::move(*list);
  } else if (const double* real = std::get_if<double>(&*value); real != nullptr && std::isfinite(*real)) {
    return {*real};
  } else if (const std::int64_t* whole = std::get_if<std::int64_t>(&*value)) {
    return {static_cast<double>(*whole)};
  }
  refuse(name, concat("expected finite numbers, got ", told(*value)));
  return otherwise;
}

std::string OpOptions::choice(std::string_view name, std::initializer_list<std::string_view> allowed) {
  const std::optional<Value> value = take(name);
  const std::string first(*allowed.begin());
  if (!value) return first;
  const std::string* text = std::get_if<std::string>(&*value);
  if (text != nullptr && std::ranges::find(allowed, *text) != allowed.end()) return *text;
  refuse(name, concat("expected one of ", joined({allowed.begin(), allowed.end()}), ", got ", told(*value)));
  return first;
}

std::vector<std::string> OpOptions::lines(std::string_view name) {
  std::optional<Value> value = take(name);
  if (!value) return {};
  if (auto* list = std::get_if<std::vector<std::string>>(&*value)) return std::move(*list);
  const std::string* file = std::get_if<std::string>(&*value);
  if (file == nullptr) {
    refuse(name, concat("expected the name of a text file or a list of texts, got ", told(*value)));
    return {};
  }
  for (const std::string& folder : folders_) {
    std::ifstream stream(std::filesystem::path(folder) / *file);
    if (!stream) continue;
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
      if (line.ends_with('\r')) line.pop_back();
      lines.push_back(std::move(line));
    }
    if (!stream.bad()) return lines;
  }
  refuse(name, concat("cannot read the file ", pyserver::quoted(*file, 1024), " in ", joined(folders_)));
  return {};
}

void OpOptions::refuse(std::string_view name, std::string what) {
  if (refused_.ok()) refused_ = invalid_argument(concat(option_name(name), ": ", what));
}

Status OpOptions::status() const {
  if (!refused_.ok() || values_.empty()) return refused_;
  const std::string& name = values_.begin()->first;
  const std::string expected = known_.empty() ? "it takes no options" : concat("expected ", joined(known_));
  return invalid_argument(concat(option_name(name), " is no option of it: ", expected));
}

}  // namespace pyserver
