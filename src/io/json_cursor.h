// Strict JSON (RFC 8259), read in the order of its text by a caller that knows what must come: nothing is built, so
// that memory and depth are the caller's. UTF-8 only, no byte order mark, no comments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "io/refusal.h"

namespace gossamer::io {

// Everything refuses (FormatError) what is not JSON, or not of the kind asked for. White space is passed over.
class JsonCursor {
 public:
  // `what` is what messages call the text. All three must outlive the cursor.
  JsonCursor(std::string_view text, std::string_view what, const Origin& origin)
      : text_(text), what_(what), origin_(origin) {}

  // Calls f(name) for each member of an object; f reads the value.
  template <class F>
  void object(F&& f) {
    list('{', '}', [&] {
      const std::string name = string();
      expect(':');
      f(name);
    });
  }
  // Calls f() for each element of an array; f reads it.
  template <class F>
  void array(F&& f) {
    list('[', ']', std::forward<F>(f));
  }
  std::string string();
  // Digits alone: no sign, fraction or exponent.
  int64_t integer();
  // Any value; at most 64 levels of it.
  void skip_value();
  // Refuses what follows but white space.
  void end();

  // Refuses, naming the position in the text.
  [[noreturn]] void refuse(std::string_view fault) const;

 private:
  template <class F>
  void list(char open, char close, F&& f) {
    expect(open);
    if (take(close)) return;
    do {
      f();
    } while (take(','));
    expect(close);
  }

  void skip_space();
  // The next character behind white space; 0 at the end.
  char peek();
  bool take(char c);
  void expect(char c);
  void escape(std::string& out);
  uint32_t hex4();
  void skip_number();
  void skip_literal(std::string_view literal);

  std::string_view text_;
  std::string_view what_;
  const Origin& origin_;
  size_t at_ = 0;
};

}  // namespace gossamer::io
