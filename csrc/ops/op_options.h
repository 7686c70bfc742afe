// OpOptions: what model.yaml says about one op, read by the op's own file.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace pyserver {

// Each reader takes its option away. The first thing that is wrong is kept, and told by status(), so that an op reads
// all that it knows and asks once. Not thread-safe.
class OpOptions {
 public:
  using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<double>, std::vector<std::string>>;

  OpOptions() = default;
  // An option without a name ("") is the op's main one: `resize: 256`.
  // `folders` is where files are looked for, in their order: the version's folder, the model's.
  explicit OpOptions(std::map<std::string, Value, std::less<>> values, std::vector<std::string> folders = {});

  // The name that "" stands for. To be called before that option is read.
  void main_option(std::string_view name);

  bool has(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise);
  std::int64_t integer(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  std::optional<std::int64_t> maybe_integer(std::string_view name, std::int64_t least, std::int64_t most);
  // A text that is a fraction of two numbers, such as "1/255", counts as its value.
  double number(std::string_view name, double otherwise, double least, double most);
  // A lone number counts as a list of one.
  std::vector<double> numbers(std::string_view name, std::vector<double> otherwise);
  // One of `allowed`; the first is the default.
  std::string choice(std::string_view name, std::initializer_list<std::string_view> allowed);
  // The lines of a text file (without their ends; an empty last line does not count), or the texts of a list.
  // INVALID_ARGUMENT where the file cannot be read. Empty where the option is not there.
  std::vector<std::string> lines(std::string_view name);

  // Records that an option is wrong, such as one that does not go with another.
  void refuse(std::string_view name, std::string what);

  // INVALID_ARGUMENT for the first option that was refused, or that no reader took.
  Status status() const;

 private:
  std::optional<Value> take(std::string_view name);

  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> folders_;
  std::vector<std::string> known_;  // for the message about an unknown one
  Status refused_;
};

}  // namespace pyserver
