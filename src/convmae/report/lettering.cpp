#include "convmae/report/lettering.h"

#include "convmae/base/utf8.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace convmae {
namespace {

constexpr char kFirst = ' ';
constexpr std::int64_t kSpaceWidth = 2;

// A glyph is a list of strokes parted by blanks; a stroke is a chain of points, a digit for the
// column and a digit for the row of each. Capitals stand in rows 0 to 6, small letters begin in
// row 2.
// clang-format off
constexpr std::array<std::string_view, 95> kGlyphs = {
    /*   */ "",
    /* ! */ "0004 06",
    /* " */ "0001 2021",
    /* # */ "1016 3036 0242 0444",
    /* $ */ "413010010213334445361605 2026",
    /* % */ "4006 0010110100 3545463635",
    /* & */ "460201102031320405162644",
    /* ' */ "0001",
    /* ( */ "10010516",
    /* ) */ "00111506",
    /* * */ "2125 0244 4204",
    /* + */ "2125 0343",
    /* , */ "1607",
    /* - */ "0333",
    /* . */ "06",
    /* / */ "3006",
    /* 0 */ "103041453616050110",
    /* 1 */ "011016 0626",
    /* 2 */ "01103041420646",
    /* 3 */ "0110304142334445361605 1333",
    /* 4 */ "36300444",
    /* 5 */ "400002324345361605",
    /* 6 */ "30200205163645443303",
    /* 7 */ "00404116",
    /* 8 */ "103041423313020110 133344453616050413",
    /* 9 */ "16264441301001021343",
    /* : */ "03 06",
    /* ; */ "13 1607",
    /* < */ "310335",
    /* = */ "0232 0434",
    /* > */ "013305",
    /* ? */ "011030414224 26",
    /* @ */ "4616050110304144242242",
    /* A */ "0602204246 0444",
    /* B */ "00304142334445360600 0333",
    /* C */ "4130100105163645",
    /* D */ "00304145360600",
    /* E */ "40000646 0333",
    /* F */ "400006 0333",
    /* G */ "41301001051636454323",
    /* H */ "0006 4046 0343",
    /* I */ "0020 1016 0626",
    /* J */ "3035261605",
    /* K */ "0006 401303 1346",
    /* L */ "000646",
    /* M */ "0600224046",
    /* N */ "06004640",
    /* O */ "103041453616050110",
    /* P */ "06003041423303",
    /* Q */ "103041453616050110 2446",
    /* R */ "06003041423303 1346",
    /* S */ "413010010213334445361605",
    /* T */ "0040 2026",
    /* U */ "000516364540",
    /* V */ "0003264340",
    /* W */ "00051625364540 2225",
    /* X */ "0046 4006",
    /* Y */ "0001234140 2326",
    /* Z */ "00400646",
    /* [ */ "10000616",
    /* \ */ "0036",
    /* ] */ "00101606",
    /* ^ */ "022042",
    /* _ */ "0747",
    /* ` */ "0011",
    /* a */ "02223336 341405162635",
    /* b */ "00062635332202",
    /* c */ "321203051636",
    /* d */ "30361605031232",
    /* e */ "043433221203051636",
    /* f */ "201116 0222",
    /* g */ "32372808 321203051636",
    /* h */ "0006 02223336",
    /* i */ "0206 00",
    /* j */ "121708 10",
    /* k */ "0006 321404 1436",
    /* l */ "000516",
    /* m */ "0602122326 23324346",
    /* n */ "0602223336",
    /* o */ "122233352616050312",
    /* p */ "08022233352606",
    /* q */ "38321203051636",
    /* r */ "0602 031222",
    /* s */ "3212031424352606",
    /* t */ "101526 0222",
    /* u */ "02051636 3236",
    /* v */ "022642",
    /* w */ "02051625364542 2325",
    /* x */ "0236 3206",
    /* y */ "02051636 32372808",
    /* z */ "02320636",
    /* { */ "20111203141526",
    /* | */ "0007",
    /* } */ "00111223141506",
    /* ~ */ "04133443",
};
// clang-format on

std::string_view glyph(char letter) { return kGlyphs[static_cast<std::size_t>(letter - kFirst)]; }

/// The text in printable ASCII: every other character, however many bytes it has, becomes '?', and
/// so does a byte that belongs to none.
std::string drawable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(first_character(text).size, 1);
    const char letter = text.front();
    result += size == 1 && letter >= 0x20 && letter < 0x7F ? letter : '?';
    text.remove_prefix(size);
  }
  return result;
}

/// Units from a letter's left edge to its right edge.
std::int64_t letter_width(char letter) {
  const std::string_view strokes = glyph(letter);
  if (strokes.empty()) return kSpaceWidth;
  std::int64_t right = 0;
  for (std::size_t i = 0; i < strokes.size(); i += 2) {
    if (strokes[i] == ' ') ++i;
    right = std::max<std::int64_t>(right, strokes[i] - '0');
  }
  return right + 1;
}

std::int64_t width_in_units(std::string_view letters) {
  std::int64_t width = 0;
  for (const char letter : letters) width += letter_width(letter) + 1;
  return std::max<std::int64_t>(width - 1, 0);
}

struct Point {
  double x = 0;
  double y = 0;
};

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length2 = dx * dx + dy * dy;
  double t = 0;
  if (length2 > 0) t = std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0);
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/// How much of each pixel a letter covers, 0 to 1; strokes are one unit wide with round ends.
class Coverage {
 public:
  Coverage(char letter, std::int64_t scale)
      : scale_(scale),
        width_(letter_width(letter) * scale),
        values_(static_cast<std::size_t>(width_ * kLetterHeight * scale)) {
    const std::string_view strokes = glyph(letter);
    for (std::size_t i = 0; i < strokes.size(); i += 2) {
      const bool starts = i == 0 || strokes[i] == ' ';
      if (strokes[i] == ' ') ++i;
      const Point end = point(strokes[i], strokes[i + 1]);
      const bool dot = starts && (i + 2 >= strokes.size() || strokes[i + 2] == ' ');
      if (!starts) stroke(last_, end);
      if (dot) stroke(end, end);
      last_ = end;
    }
  }

  std::int64_t width() const { return width_; }
  double at(std::int64_t row, std::int64_t column) const {
    return values_[static_cast<std::size_t>(row * width_ + column)];
  }

 private:
  Point point(char x, char y) const {
    const auto centre = [this](char digit) {
      return (static_cast<double>(digit - '0') + 0.5) * static_cast<double>(scale_);
    };
    return {centre(x), centre(y)};
  }

  void stroke(Point from, Point to) {
    for (std::int64_t row = 0; row < kLetterHeight * scale_; ++row) {
      for (std::int64_t column = 0; column < width_; ++column) {
        const Point pixel{static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5};
        const double inside =
            static_cast<double>(scale_) / 2 + 0.5 - distance_to_segment(pixel, from, to);
        double& value = values_[static_cast<std::size_t>(row * width_ + column)];
        value = std::max(value, std::clamp(inside, 0.0, 1.0));
      }
    }
  }

  std::int64_t scale_;
  std::int64_t width_;
  Point last_;
  std::vector<double> values_;
};

std::uint8_t blend(std::uint8_t under, std::uint8_t over, double share) {
  return static_cast<std::uint8_t>(std::lround(under + (over - under) * share));
}

}  // namespace

std::int64_t text_width(std::string_view text, std::int64_t scale) {
  return width_in_units(drawable(text)) * scale;
}

std::string fit_text(std::string_view text, std::int64_t scale, std::int64_t width) {
  std::string letters = drawable(text);
  if (width_in_units(letters) * scale <= width) return letters;
  while (!letters.empty() && width_in_units(letters + "...") * scale > width) letters.pop_back();
  return letters.empty() ? letters : letters + "...";
}

void draw_text(Picture& picture, std::int64_t row, std::int64_t column, std::string_view text,
               std::int64_t scale, Colour colour) {
  for (const char letter : drawable(text)) {
    const Coverage coverage(letter, scale);
    for (std::int64_t r = 0; r < kLetterHeight * scale; ++r) {
      for (std::int64_t c = 0; c < coverage.width(); ++c) {
        const std::int64_t y = row + r;
        const std::int64_t x = column + c;
        const bool outside = y < 0 || x < 0 || y >= picture.height || x >= picture.width;
        if (outside || coverage.at(r, c) <= 0) continue;
        const Colour under = picture.at(y, x);
        const double share = coverage.at(r, c);
        picture.set(y, x,
                    {blend(under.red, colour.red, share), blend(under.green, colour.green, share),
                     blend(under.blue, colour.blue, share)});
      }
    }
    column += coverage.width() + scale;
  }
}

}  // namespace convmae
