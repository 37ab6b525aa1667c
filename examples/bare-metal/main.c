/* Segments a picture on bare metal: no operating system, no allocation, no files. */
#include "decoder.h"
#include "encoder.h"
#include "scene.h"

void print(const char *text);

extern const unsigned char encoder_weights_start[], encoder_weights_end[], decoder_weights_start[], decoder_weights_end[];

enum { MASKS = 4, EMBEDDINGS = 128 * 16 * 16 };

/* The models run one after the other in one arena: ARENA_BYTES is the larger of theirs, from the package's manifest. */
static _Alignas(64) unsigned char arena[ARENA_BYTES];
static float image[3 * SCENE_SIDE * SCENE_SIDE], embeddings[EMBEDDINGS];
static float no_mask[SCENE_MASK * SCENE_MASK], masks[MASKS * SCENE_HEIGHT * SCENE_WIDTH];
static float iou[MASKS], low[MASKS * SCENE_MASK * SCENE_MASK];
static encoder image_model;
static decoder mask_model;

static int failed(int status, const char *what) {
  if (status == SQ_OK) return 0;
  print(what);
  print(": ");
  print(decoder_error_string(status));
  print("\n");
  return 1;
}

static void print_hash(const char *name, const void *data, size_t bytes) {
  char text[17];
  scene_hex(scene_hash(data, bytes), text);
  print(name);
  print(" ");
  print(text);
  print("\n");
}

int main(void) {
  const float points[4] = {150, 80, 0, 0}, labels[2] = {1, -1}, has_mask = 0, size[2] = {SCENE_HEIGHT, SCENE_WIDTH};
  const encoder_inputs picture = {image};
  encoder_outputs features = {embeddings, {0}};
  scene_picture(image);
  if (failed(encoder_init(&image_model, encoder_weights_start, (size_t)(encoder_weights_end - encoder_weights_start), arena, sizeof arena),
             "encoder_init") ||
      failed(encoder_run(&image_model, &picture, &features), "encoder_run"))
    return 1;

  const decoder_inputs prompt = {.image_embeddings = embeddings, .point_coords = points, .point_labels = labels, .mask_input = no_mask,
                                 .has_mask_input = &has_mask, .orig_im_size = size, .num_points = 2};
  decoder_outputs result = {.masks = masks, .iou_predictions = iou, .low_res_masks = low};
  if (failed(decoder_init(&mask_model, decoder_weights_start, (size_t)(decoder_weights_end - decoder_weights_start), arena, sizeof arena),
             "decoder_init") ||
      failed(decoder_run(&mask_model, &prompt, &result), "decoder_run"))
    return 1;

  print_hash("image_embeddings", embeddings, sizeof embeddings);
  print_hash("masks", masks, sizeof masks);
  print_hash("iou_predictions", iou, sizeof iou);
  print_hash("low_res_masks", low, sizeof low);
  return 0;
}
