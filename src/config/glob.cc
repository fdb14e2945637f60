#include <fnmatch.h>
#include <locale.h>

#include "gossamer/glob.h"

namespace gossamer {

namespace {

// Which layers become sparse must not depend on the application's locale: elsewhere than in "C", ? is a multibyte
// character and ranges follow the collation.
class CLocale {
 public:
  CLocale() : before_(uselocale(c())) {}
  ~CLocale() { uselocale(before_); }
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;

 private:
  static locale_t c() {
    static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }

  locale_t before_;
};

}  // namespace

bool glob_match(const std::string& pattern, const std::string& name) {
  const CLocale c;
  return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace gossamer
