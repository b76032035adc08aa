"""The imagine plugin: pictures and video, made, changed, enlarged and continued."""

from skyhook.plugin import Bar, JobSpec, Meter, Model, Operation, Plugin, Scope, Training
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.picture_tools import Pictures as PictureTools
from skyhook_functions.imagine.video_model import VideoModel
from skyhook_functions.training.imagine.function import FilmsTraining, ScenesTraining
from skyhook_imagine.films import film
from skyhook_imagine.meters import IMAGES, UPSCALES, VIDEO_SECONDS
from skyhook_imagine.pictures import edit, generate, upscale
from skyhook_imagine.playground import PLAYGROUND
from skyhook_imagine.requests import Edit, Film, Generate, Pictures, Upscale, Video
from skyhook_imagine.schema import ImagineMutation, ImagineQuery, ImagineSubscription
from skyhook_imagine.scopes import GENERATE, READ
from skyhook_imagine.settings import ImagineSettings
from skyhook_imagine.tables import Base

_SCENES = Model(
    name="skyhook-scenes",
    title="Skyhook Scenes",
    location="skyhook_functions:weights/skyhook-scenes",
    tier="small",
    description="Draws plain coloured shapes, trained from scratch on a CPU; see its model card.",
)
_GATE = (
    Bar("colours", 0.9),
    Bar("shapes", 0.9),
    Bar("background, where it is said", 0.95),
    Bar("all right", 0.85),
)
_SCENES_VIDEO = Model(
    name="skyhook-scenes-video",
    title="Skyhook Scenes Video",
    location="skyhook_functions:weights/skyhook-scenes-video",
    tier="small",
    description="Films plain coloured shapes that move; see its model card.",
)
_VIDEO_GATE = (
    Bar("motion, from a caption", 0.85),
    Bar("all right, from a caption", 0.65),
    Bar("all right, from a first picture", 0.7),
    Bar("all right, continued", 0.75),
)
_FILM = JobSpec(request=Film, result=Video, run=film)

plugin = Plugin(
    name="imagine",
    version="0.1.0",
    title="Imagine",
    description="Makes pictures and video from words, and changes, enlarges and continues them.",
    query=ImagineQuery,
    mutation=ImagineMutation,
    subscription=ImagineSubscription,
    operations=(
        Operation("imagineGenerate", GENERATE, (IMAGES,), JobSpec(Generate, Pictures, generate)),
        Operation("imagineEdit", GENERATE, (IMAGES,), JobSpec(Edit, Pictures, edit)),
        Operation("imagineUpscale", GENERATE, (UPSCALES,), JobSpec(Upscale, Pictures, upscale)),
        Operation("imagineVideo", GENERATE, (VIDEO_SECONDS,), _FILM),
        Operation("imagineAnimate", GENERATE, (VIDEO_SECONDS,), _FILM),
        Operation("imagineExtend", GENERATE, (VIDEO_SECONDS,), _FILM),
        Operation("imagineLive", GENERATE, (IMAGES,)),
    ),
    functions=(ImageModel, VideoModel, PictureTools, ScenesTraining, FilmsTraining),
    trainings=(
        Training(_SCENES, ScenesTraining.train, _GATE),
        Training(_SCENES_VIDEO, FilmsTraining.train, _VIDEO_GATE),
    ),
    meters=(
        Meter(IMAGES, "Pictures", "picture", price=1_000_000),
        Meter(UPSCALES, "Pictures enlarged", "picture", price=500_000),
        Meter(VIDEO_SECONDS, "Seconds of video", "second", price=2_000_000),
    ),
    scopes=(
        Scope(GENERATE, "Make pictures and video"),
        Scope(READ, "See the models that make them"),
    ),
    settings=ImagineSettings,
    models=(_SCENES, _SCENES_VIDEO),
    tables=Base.metadata,
    migrations="skyhook_imagine:migrations",
    playground=PLAYGROUND,
)
