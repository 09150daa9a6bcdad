#include "convmae/data/sources/classes.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;
using Classes = std::vector<std::string>;

/// Images of certain classes, without pixels.
class ClassifiedImages : public ImageSource {
 public:
  ClassifiedImages(Classes classes, std::vector<std::int64_t> labels)
      : classes_(std::move(classes)), labels_(std::move(labels)) {}

  std::int64_t size() const override { return std::ssize(labels_); }
  std::string name(std::int64_t index) const override { return "image " + std::to_string(index); }
  std::int64_t label(std::int64_t index) const override {
    return labels_[static_cast<std::size_t>(index)];
  }
  const Classes& classes() const override { return classes_; }
  SourceAccount account() const override { return {}; }
  void read(std::int64_t /*index*/, std::vector<std::uint8_t>& /*bytes*/) const override {}

 private:
  Classes classes_;
  std::vector<std::int64_t> labels_;
};

std::shared_ptr<const ImageSource> images(Classes classes, std::vector<std::int64_t> labels) {
  return std::make_shared<ClassifiedImages>(std::move(classes), std::move(labels));
}

TEST(Classes, AreMatchedByNameAndWhatIsMissingIsSaid) {
  const auto source = images({"c", "a"}, {0, 1, 1});
  const MatchedImages matched = match_classes(source, {{"a", "b", "c"}}, "--data");
  EXPECT_EQ(matched.images, source);
  EXPECT_THAT(matched.class_of, ElementsAre(2, 0));
  EXPECT_THAT(matched.names, ElementsAre("a", "b", "c"));
  EXPECT_THAT(matched.remarks, ElementsAre("--data has no image of 1 of the 3 classes: 'b'"));
}

TEST(Classes, OnesThatAreNotKnownAreRefusedOrLeftOut) {
  const auto source = images({"a", "x", "y", "none"}, {0, 1, 2, 0, 2, ImageSource::kNoLabel});
  const auto match = [&](UnknownClasses unknown, const Classes& known) {
    return match_classes(source, {known}, "--data", unknown);
  };
  EXPECT_THAT([&] { match(UnknownClasses::refused, {"a"}); },
              ThrowsMessage<UserError>(HasSubstr("--data has 2 classes 'x' and 'y', which are none "
                                                 "of the 1 class of training ('a')")));
  const MatchedImages matched = match(UnknownClasses::left_out, {"a"});
  EXPECT_EQ(matched.images->size(), 3);
  EXPECT_EQ(matched.images->name(1), "image 3");
  EXPECT_EQ(matched.images->name(2), "image 5") << "without a class: it is met when it is read";
  EXPECT_THAT(matched.remarks,
              ElementsAre("warning: 3 images of --data left out, of the classes 'x' and 'y', which "
                          "training does not have"));
  EXPECT_THAT([&] { match(UnknownClasses::left_out, {"b"}); },
              ThrowsMessage<UserError>(HasSubstr("3 classes 'a', 'x' and 'y'")));
}

TEST(Classes, OfWeightsWithoutNamesAreGuessed) {
  const auto source = images({"ant", "bee"}, {0, 1});
  const KnownClasses nameless{{"0", "1"}, /*of_classifier=*/true, /*named=*/false};
  const MatchedImages matched = match_classes(source, nameless, "--data");
  EXPECT_THAT(matched.names, ElementsAre("ant", "bee"));
  EXPECT_THAT(matched.remarks, ElementsAre("guessed: class 0 is 'ant', class 1 is 'bee', in sorted "
                                           "order, because the weights name no classes"));
  EXPECT_THAT(
      [&] {
        match_classes(source, {{"0", "1"}}, "--eval_data");
      },
      ThrowsMessage<UserError>(HasSubstr("which are none of the 2 classes of training")))
      << "training classes that are numbers have these names";
}

TEST(Classes, ThatAreAlikeAreToldOf) {
  EXPECT_THAT(doubts_about({"a", "b", "1", "-1"}), IsEmpty());
  EXPECT_THAT(doubts_about({"-1", "0", "Cat", "a", "A", "cat"}),
              ElementsAre(HasSubstr("'a' and 'A' differ in letter case alone, like 1 more of them"),
                          HasSubstr("the class '-1' is one like the others")));
}

}  // namespace
}  // namespace convmae
